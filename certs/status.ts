/**
 * `curfew certs status`: describes the certificates for people. Only {@link showStatus} reads the
 * cluster; the rest is pure.
 */
import type { KubeConfig } from "@kubernetes/client-node";
import type { X509Certificate } from "node:crypto";
import type { Observed } from "./cluster.ts";
import { KubernetesCluster, type Names } from "./kubernetes.ts";
import type { Server } from "./presented.ts";
import { EMPTY_SECRET } from "./secret.ts";
import { covers, includes, needsRenewal, renewalTime, sameSet } from "./x509.ts";

/** What there is to say, one line each, and whether all of it is good. */
export interface Status {
  readonly text: string;
  /** Every Pod can serve requests of the API server now. */
  readonly isHealthy: boolean;
}

/**
 * Reads the cluster, asks the Pods for their certificates, and describes both.
 * @throws Error if the API server can't be asked.
 */
export async function showStatus(names: Names, kubeConfig: KubeConfig): Promise<Status> {
  const cluster = new KubernetesCluster(kubeConfig, names);
  const observed = await cluster.observe();
  return describeStatus(new Date(), names, observed, await cluster.servers(observed.webhooks));
}

/**
 * One line for each certificate, webhook and group of Pods. Lines about a problem begin with `!`.
 */
export function describeStatus(
  now: Date,
  names: Names,
  { secret, webhooks, configurations }: Observed,
  servers: readonly Server[],
): Status {
  const { bundle, authority: signer, leaf } = secret ?? EMPTY_SECRET;
  const authority = signer?.certificate;
  const lines = [
    secret
      ? line(true, `Secret ${names.namespace}/${names.secret}`)
      : line(false, `Secret ${names.namespace}/${names.secret} doesn't exist: is curfew certs running?`),
    authority
      ? line(isValid(authority, now), `authority ${identify(authority, now)}`)
      : line(false, "no authority with its key in the Secret"),
    ...bundle
      .filter((certificate) => certificate !== authority)
      .map((certificate) => line(true, `also trusted ${identify(certificate, now)}`)),
    leaf
      ? line(isValid(leaf, now), `serving certificate ${identify(leaf, now)}, for ${leaf.subjectAltName ?? "no name"}`)
      : line(false, "no serving certificate with its key in the Secret"),
    ...names.webhookConfiguration.map((name) =>
      configurations.some((one) => one.name === name)
        ? line(
            webhooks.some(({ configuration }) => configuration === name),
            `MutatingWebhookConfiguration ${name}`,
          )
        : line(false, `MutatingWebhookConfiguration ${name} doesn't exist: apply the manifests`),
    ),
    ...webhooks.map(({ name, host, caBundle }) => {
      const isTrusting = authority !== undefined && includes(caBundle, authority);
      const isNamed = leaf !== undefined && covers(leaf, [host]);
      const extra = sameSet(caBundle, bundle) ? "" : "; its caBundle differs from the Secret's ca.crt";
      return line(isTrusting && isNamed, `${name}: ${isTrusting ? "trusts" : "doesn't trust"} the authority${extra}`);
    }),
    ...podsLines(servers, leaf),
  ];
  return {
    text: lines.map(({ isGood, text }) => `${isGood ? " " : "!"} ${text}`).join("\n"),
    isHealthy: lines.every(({ isGood }) => isGood),
  };
}

interface Line {
  readonly isGood: boolean;
  readonly text: string;
}

function line(isGood: boolean, text: string): Line {
  return { isGood, text };
}

/** Leaves out Pods that neither serve nor answer. They read the Secret when they start. */
function podsLines(servers: readonly Server[], leaf: X509Certificate | undefined): readonly Line[] {
  const pods = servers.filter(({ isServing, fingerprint }) => isServing || fingerprint !== undefined);
  const others = pods.filter(({ fingerprint }) => fingerprint === undefined || fingerprint !== leaf?.fingerprint256);
  if (pods.length === 0) return [line(false, "no Pod is serving")];
  const fresh = pods.length - others.length;
  return [
    line(others.length === 0, `${fresh} of ${pods.length} Pods present this certificate`),
    ...others.map(({ name, fingerprint }) =>
      line(
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
