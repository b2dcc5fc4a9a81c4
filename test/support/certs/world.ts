/**
 * A cluster as certificates see it, in memory and in its own time: API servers that take a caBundle over late, kubelets that bring a
 * Secret late to the Pods that serve. It knows whether a request would be served, at any moment.
 */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { carryOut, type Lifetimes } from "../../../certs/carry-out.ts";
import type { Keys } from "../../../certs/issue.ts";
import type { CertificateSecret, Delays, Webhook } from "../../../certs/plan.ts";
import type { Cluster, Observed, WriteOutcome } from "../../../certs/reconcile.ts";
import { covers, isSignedBy, parseBundle } from "../../../certs/x509.ts";

export const MINUTE = 60_000;
export const DAY = 86_400_000;
export const LIFETIMES: Lifetimes = { authorityMs: 365 * DAY, certificateMs: 30 * DAY };
export const DELAYS: Delays = { publishMs: 30_000, rolloutMs: 10 * MINUTE };
export const HOST = "curfew-admission.curfew-system.svc";

/** Short RSA keys, for speed; a few do for all authorities and certificates, which differ by name. */
const pool: Keys[] = Array.from({ length: 3 }, () =>
  generateKeyPairSync("rsa", {
    modulusLength: 1024,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }),
);
export function nextKeys(): Keys {
  const [keys] = pool.splice(0, 1);
  if (keys === undefined) throw new Error("the pool of keys is empty");
  pool.push(keys);
  return keys;
}

/** A Secret as the first two steps of an installation leave it. */
export function installedSecret(
  now: Date,
  names: readonly string[] = [HOST],
  lifetimes = LIFETIMES,
): CertificateSecret {
  const issuing = (): { now: Date; lifetimes: Lifetimes; keys: Keys } => ({ now, lifetimes, keys: nextKeys() });
  const because = "authority-missing";
  const secret = carryOut({ kind: "create-authority", because, trust: "" }, undefined, issuing());
  return carryOut({ kind: "issue-certificate", because, names }, secret, issuing());
}

/** How long the slowest API server and the slowest kubelet take. */
const API_SERVER_LAG_MS = 25_000;
const KUBELET_LAG_MS = 120_000;

export class World implements Cluster {
  /** Milliseconds since the start, without jumps. */
  elapsed = 0;
  /** What the wall clock of `curfew certs` is off. */
  clockOffset = 0;
  secret: CertificateSecret | undefined;
  webhooks: Webhook[] = ["jobs", "updates", "cronjobs"].map((name) => ({ name, host: HOST, caBundle: "" }));
  /** Set: thrown by the next call that would write, before or after it is carried out. */
  crash: "before" | "after" | undefined;
  #secretVersion = 1;
  #webhooksVersion = 1;
  /** What the slowest API server and the slowest Pod still go by, with the time from which they go by something newer. */
  readonly #bundles: { readonly until: number; readonly webhooks: readonly Webhook[] }[] = [];
  readonly #mounts: { readonly until: number; readonly secret: CertificateSecret | undefined }[] = [];

  readonly start: Date;

  constructor(start = new Date("2027-01-01T00:00:00Z")) {
    this.start = start;
  }

  readonly now = (): Date => new Date(this.start.getTime() + this.elapsed + this.clockOffset);
  readonly monotonic = (): number => this.elapsed;

  observe(): Promise<Observed> {
    const secret = this.secret && { ...this.secret, version: String(this.#secretVersion) };
    return Promise.resolve({ secret, webhooks: this.webhooks, webhooksVersion: String(this.#webhooksVersion) });
  }

  async writeSecret(secret: CertificateSecret, version: string | undefined): Promise<WriteOutcome> {
    if (version !== (this.secret && String(this.#secretVersion))) return "conflict";
    await this.#write(() => {
      this.setSecret(secret);
    });
    return "written";
  }

  async publish(caBundles: ReadonlyMap<string, string>, version: string): Promise<WriteOutcome> {
    if (version !== String(this.#webhooksVersion)) return "conflict";
    await this.#write(() => {
      this.setWebhooks(this.webhooks.map((hook) => ({ ...hook, caBundle: caBundles.get(hook.name) ?? hook.caBundle })));
    });
    return "written";
  }

  presented(): Promise<readonly string[]> {
    return Promise.resolve(
      this.#possibleMounts().flatMap((secret) => (secret?.cert ? [leafOf(secret).fingerprint256] : [])),
    );
  }

  /** Changes the Secret as anybody could; Pods follow late, and keep what they have where it is deleted. */
  setSecret(secret: CertificateSecret | undefined): void {
    this.#mounts.push({
      until: this.elapsed + KUBELET_LAG_MS,
      secret: this.secret?.cert ? this.secret : this.#mounts.at(-1)?.secret,
    });
    this.secret = secret;
    this.#secretVersion += 1;
  }

  /** Changes the webhooks as anybody could; API servers follow late. */
  setWebhooks(webhooks: Webhook[]): void {
    this.#bundles.push({ until: this.elapsed + API_SERVER_LAG_MS, webhooks: this.webhooks });
    this.webhooks = webhooks;
    this.#webhooksVersion += 1;
  }

  /** Why some API server and some Pod could fail to understand each other now; empty if none could. */
  failures(): string[] {
    const now = new Date(this.start.getTime() + this.elapsed);
    return this.#possibleMounts().flatMap((secret) => {
      if (!secret?.cert) return ["a Pod has no certificate"];
      const leaf = leafOf(secret);
      return this.#possibleWebhooks().flatMap(({ name, host, caBundle }) => {
        if (!parseBundle(caBundle).some((authority) => isValid(authority, now) && isSignedBy(leaf, authority)))
          return [`${name} does not trust what a Pod presents`];
        if (!isValid(leaf, now)) return [`${name} meets a certificate that is not valid`];
        return covers(leaf, [host]) ? [] : [`${name} meets a certificate for another name`];
      });
    });
  }

  async #write(write: () => void): Promise<void> {
    const { crash } = this;
    this.crash = undefined;
    if (crash === "before") throw new Error("crashed before the write");
    write();
    await Promise.resolve();
    if (crash === "after") throw new Error("crashed after the write");
  }

  #possibleMounts(): (CertificateSecret | undefined)[] {
    const older = this.#mounts.filter(({ until }) => until > this.elapsed).map(({ secret }) => secret);
    const latest = this.secret?.cert ? this.secret : this.#mounts.at(-1)?.secret;
    return [...older.filter((secret) => secret?.cert), latest];
  }

  #possibleWebhooks(): readonly Webhook[] {
    return [
      ...this.#bundles.filter(({ until }) => until > this.elapsed).flatMap(({ webhooks }) => webhooks),
      ...this.webhooks,
    ];
  }
}

function leafOf(secret: CertificateSecret): X509Certificate {
  return new X509Certificate(secret.cert);
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now <= certificate.validToDate;
}
