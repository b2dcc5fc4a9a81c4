/**
 * Describes the certificates for people: for `curfew certs status`, and for `curfew check`. All of
 * it is pure.
 */
import type { X509Certificate } from "node:crypto";
import type { Observed } from "./cluster.ts";
import type { Names } from "./kubernetes.ts";
import type { Server } from "./presented.ts";
import { EMPTY_SECRET } from "./secret.ts";
import { covers, includes, needsRenewal, renewalTime, sameSet } from "./x509.ts";

/** What there is to say, one line each, and whether all of it is good. */
export interface Status {
  readonly text: string;
  /** Every Pod can serve requests of the API server now. */
  readonly isHealthy: boolean;
}

/** What a line is about. */
export type Subject = "secret" | "authority" | "trusted" | "certificate" | "configuration" | "webhook" | "pods";

export interface Line {
  readonly subject: Subject;
  readonly isGood: boolean;
  readonly text: string;
  /** The certificate that it describes. */
  readonly certificate?: X509Certificate;
}

/** Lines about a problem begin with `!`. */
export function describeStatus(now: Date, names: Names, observed: Observed, servers: readonly Server[]): Status {
  const lines = [...certificateLines(now, names, observed), ...podsLines(servers, observed.secret?.leaf)];
  return {
    text: lines.map(({ isGood, text }) => `${isGood ? " " : "!"} ${text}`).join("\n"),
    isHealthy: lines.every(({ isGood }) => isGood),
  };
}

/**
 * One line for the Secret, and for each certificate, configuration and webhook.
 * @param authority the one that signs. By default, the one whose key is in the Secret.
 */
export function certificateLines(
  now: Date,
  names: Names,
  { secret, webhooks, configurations }: Observed,
  authority = secret?.authority?.certificate,
): readonly Line[] {
  const { bundle, leaf } = secret ?? EMPTY_SECRET;
  const object = `Secret ${names.namespace}/${names.secret}`;
  return [
    secret ? line("secret", true, object) : line("secret", false, `${object} doesn't exist: is curfew certs running?`),
    authority
      ? of(authority, line("authority", isValid(authority, now), `authority ${identify(authority, now)}`))
      : line("authority", false, "no authority with its key in the Secret"),
    ...bundle
      .filter((certificate) => certificate !== authority)
      .map((certificate) => of(certificate, line("trusted", true, `also trusted ${identify(certificate, now)}`))),
    leaf
      ? of(
          leaf,
          line(
            "certificate",
            isValid(leaf, now),
            `serving certificate ${identify(leaf, now)}, for ${leaf.subjectAltName ?? "no name"}`,
          ),
        )
      : line("certificate", false, "no serving certificate with its key in the Secret"),
    ...names.webhookConfiguration.map((name) =>
      configurations.some((one) => one.name === name)
        ? line(
            "configuration",
            webhooks.some(({ configuration }) => configuration === name),
            `MutatingWebhookConfiguration ${name}`,
          )
        : line("configuration", false, `MutatingWebhookConfiguration ${name} doesn't exist: apply the manifests`),
    ),
    ...webhooks.map(({ name, host, caBundle }) => {
      const isTrusting = authority !== undefined && includes(caBundle, authority);
      const isNamed = leaf !== undefined && covers(leaf, [host]);
      const extra = sameSet(caBundle, bundle) ? "" : "; its caBundle differs from the Secret's ca.crt";
      return line(
        "webhook",
        isTrusting && isNamed,
        `${name}: ${isTrusting ? "trusts" : "doesn't trust"} the authority${extra}`,
      );
    }),
  ];
}

function line(subject: Subject, isGood: boolean, text: string): Line {
  return { subject, isGood, text };
}

function of(certificate: X509Certificate, described: Line): Line {
  return { ...described, certificate };
}

/** Leaves out Pods that neither serve nor answer. They read the Secret when they start. */
function podsLines(servers: readonly Server[], leaf: X509Certificate | undefined): readonly Line[] {
  const pods = servers.filter(({ isServing, fingerprint }) => isServing || fingerprint !== undefined);
  const others = pods.filter(({ fingerprint }) => fingerprint === undefined || fingerprint !== leaf?.fingerprint256);
  if (pods.length === 0) return [line("pods", false, "no Pod is serving")];
  const fresh = pods.length - others.length;
  return [
    line("pods", others.length === 0, `${fresh} of ${pods.length} Pods present this certificate`),
    ...others.map(({ name, fingerprint }) =>
      line(
        "pods",
        false,
        fingerprint === undefined
          ? `${name} doesn't answer; Pods can only be asked from within the cluster`
          : `${name} presents another (${shorten(fingerprint)}); kubelet may take two minutes to update it`,
      ),
    ),
  ];
}

function identify(certificate: X509Certificate, now: Date): string {
  const subject = certificate.subject.split("\n").find((part) => part.startsWith("CN=")) ?? "CN=";
  const until = certificate.validToDate.toISOString();
  const due = needsRenewal(certificate, now) ? `, due for renewal since ${renewalTime(certificate).toISOString()}` : "";
  return `"${subject.slice("CN=".length)}" (${shorten(certificate.fingerprint256)}), until ${until}${due}`;
}

function shorten(fingerprint: string): string {
  return `${fingerprint.slice(0, 11)}…`;
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now <= certificate.validToDate;
}
