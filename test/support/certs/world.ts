/**
 * The cluster that `curfew certs` works with, in memory and in its own time. Its API servers see a
 * changed caBundle late, and its kubelets bring a changed Secret to the Pods late. It knows at any
 * moment whether a request could fail.
 */
import { generateKeyPairSync, type X509Certificate } from "node:crypto";
import { carryOut, type Issuing, type Lifetimes, type SecretStep } from "../../../certs/carry-out.ts";
import type { Cluster, Observed, Webhook, WriteOutcome } from "../../../certs/cluster.ts";
import type { Keys } from "../../../certs/issue.ts";
import type { Delays } from "../../../certs/plan.ts";
import { parseSecret, type SecretTexts } from "../../../certs/secret.ts";
import { covers, isSignedBy, parseBundle, type Bundle } from "../../../certs/x509.ts";

export const MINUTE = 60_000;
export const DAY = 86_400_000;
export const LIFETIMES: Lifetimes = { authorityMs: 365 * DAY, certificateMs: 30 * DAY };
export const DELAYS: Delays = { publishMs: 30_000, rolloutMs: 10 * MINUTE };
export const HOST = "curfew-admission.curfew-system.svc";

/**
 * RSA keys, short for speed. A few are enough, since certificates with the same key differ by name.
 */
const pool: Keys[] = Array.from({ length: 3 }, () => generateKeyPairSync("rsa", { modulusLength: 1024 }));

/** Keys for the next certificate, made beforehand. */
export function nextKeys(): Keys {
  const [keys] = pool.splice(0, 1);
  if (keys === undefined) throw new Error("the pool of keys is empty");
  pool.push(keys);
  return keys;
}

const EMPTY_TEXTS: SecretTexts = { bundle: "", authorityKey: "", cert: "", key: "" };

/** The Secret's texts after a step. */
export function changed(secret: SecretTexts | undefined, step: SecretStep, issuing: Issuing): SecretTexts {
  return { ...EMPTY_TEXTS, ...secret, ...carryOut(step, issuing) };
}

/** The Secret of a new installation. */
export function installedSecret(now: Date, names: readonly string[] = [HOST], lifetimes = LIFETIMES): SecretTexts {
  const because = "authority-missing";
  const create = { kind: "create-authority", because, trust: [] } as const;
  const secret = changed(undefined, create, { now, lifetimes, keys: nextKeys() });
  return reissued(secret, names, { now, lifetimes, keys: nextKeys() });
}

/** The Secret with a new serving certificate. */
export function reissued(secret: SecretTexts, names: readonly string[], issuing: Issuing): SecretTexts {
  const { authority: issuer } = parseSecret(secret);
  if (issuer === undefined) throw new Error("the Secret has no authority");
  return changed(secret, { kind: "issue-certificate", because: "certificate-due", issuer, names }, issuing);
}

/** How long the slowest API server and the slowest kubelet take to see a change. */
const API_SERVER_LAG_MS = 25_000;
const KUBELET_LAG_MS = 120_000;

export class World implements Cluster {
  /** Milliseconds since the start, without jumps. */
  elapsed = 0;
  /** How many milliseconds the wall clock of `curfew certs` is ahead. */
  clockOffset = 0;
  secret: SecretTexts | undefined;
  webhooks: Webhook[] = ["jobs", "updates", "cronjobs"].map((name) => ({
    name,
    configuration: "curfew",
    host: HOST,
    caBundle: [],
  }));
  /** If set, the next write throws, either before or after it has changed anything. */
  crash: "before" | "after" | undefined;
  #secretVersion = 1;
  #webhooksVersion = 1;
  /** What the slowest API server and the slowest Pod may still use, and until when. */
  readonly #bundles: { readonly until: number; readonly webhooks: readonly Webhook[] }[] = [];
  readonly #mounts: { readonly until: number; readonly secret: SecretTexts | undefined }[] = [];

  readonly start: Date;

  constructor(start = new Date("2027-01-01T00:00:00Z")) {
    this.start = start;
  }

  readonly now = (): Date => new Date(this.start.getTime() + this.elapsed + this.clockOffset);
  readonly monotonic = (): number => this.elapsed;

  observe(): Promise<Observed> {
    const secret = this.secret && { ...parseSecret(this.secret), version: String(this.#secretVersion) };
    const configurations = [{ name: "curfew", version: String(this.#webhooksVersion) }];
    return Promise.resolve({ secret, webhooks: this.webhooks, configurations });
  }

  async writeSecret(change: Partial<SecretTexts>, version: string | undefined): Promise<WriteOutcome> {
    if (version !== (this.secret && String(this.#secretVersion))) return "conflict";
    await this.#write(() => {
      this.setSecret({ ...EMPTY_TEXTS, ...this.secret, ...change });
    });
    return "written";
  }

  async publish(caBundles: ReadonlyMap<string, Bundle>, observed: Observed): Promise<WriteOutcome> {
    if (observed.configurations[0]?.version !== String(this.#webhooksVersion)) return "conflict";
    await this.#write(() => {
      this.setWebhooks(this.webhooks.map((hook) => ({ ...hook, caBundle: caBundles.get(hook.name) ?? hook.caBundle })));
    });
    return "written";
  }

  presented(): Promise<readonly string[]> {
    return Promise.resolve(
      this.#possibleMounts().flatMap((secret) => (secret && leafOf(secret)?.fingerprint256) ?? []),
    );
  }

  /**
   * Changes the Secret, as anybody could. Pods follow late, and keep their files if it's deleted.
   */
  setSecret(secret: SecretTexts | undefined): void {
    this.#mounts.push({
      until: this.elapsed + KUBELET_LAG_MS,
      secret: this.secret?.cert ? this.secret : this.#mounts.at(-1)?.secret,
    });
    this.secret = secret;
    this.#secretVersion += 1;
  }

  /** Changes the webhooks, as anybody could. API servers follow late. */
  setWebhooks(webhooks: Webhook[]): void {
    this.#bundles.push({ until: this.elapsed + API_SERVER_LAG_MS, webhooks: this.webhooks });
    this.webhooks = webhooks;
    this.#webhooksVersion += 1;
  }

  /** Every reason why a call of some Pod by some API server could fail now. */
  failures(): string[] {
    const now = new Date(this.start.getTime() + this.elapsed);
    return this.#possibleMounts().flatMap((secret) => {
      const leaf = secret && leafOf(secret);
      if (leaf === undefined) return ["a Pod has no certificate"];
      return this.#possibleWebhooks().flatMap(({ name, host, caBundle }) => {
        if (!caBundle.some((authority) => isValid(authority, now) && isSignedBy(leaf, authority)))
          return [`${name} doesn't trust what a Pod presents`];
        if (!isValid(leaf, now)) return [`${name} meets a certificate that isn't valid`];
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

  #possibleMounts(): (SecretTexts | undefined)[] {
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

/** The certificate that a Pod serves with, whoever signed it. */
function leafOf({ cert }: SecretTexts): X509Certificate | undefined {
  return parseBundle(cert)[0];
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now <= certificate.validToDate;
}
