/** `curfew certs status`: what is there, for a person; pure but for {@link showStatus}, which asks. */
import type { KubeConfig } from "@kubernetes/client-node";
import type { X509Certificate } from "node:crypto";
import { KubernetesCluster, type Names } from "./kubernetes.ts";
import { servingCertificate, signingAuthority } from "./plan.ts";
import type { Server } from "./presented.ts";
import type { Observed } from "./reconcile.ts";
import { covers, includes, needsRenewal, parseBundle, renewalTime, sameSet } from "./x509.ts";

export interface Status {
  readonly text: string;
  /** A request by the API server would be served now, by every Pod. */
  readonly isHealthy: boolean;
}

export async function showStatus(names: Names, kubeConfig: KubeConfig): Promise<Status> {
  const cluster = new KubernetesCluster(kubeConfig, names);
  const observed = await cluster.observe();
  return describeStatus(new Date(), names, observed, await cluster.servers(observed.webhooks));
}

/** A line for each certificate, webhook and group of Pods; those that are not as they should be begin with `!`. */
export function describeStatus(
  now: Date,
  names: Names,
  { secret, webhooks, webhooksVersion }: Observed,
  servers: readonly Server[],
): Status {
  const trusted = parseBundle(secret?.bundle ?? "");
  const authority = signingAuthority(secret);
  const leaf = secret && servingCertificate(secret, trusted);
  const lines = [
    secret
      ? line(true, `Secret ${names.namespace}/${names.secret}`)
      : line(false, `Secret ${names.namespace}/${names.secret} does not exist: does curfew certs run?`),
    authority
      ? line(isValid(authority, now), `authority ${identify(authority, now)}`)
      : line(false, "no authority with its key in the Secret"),
    ...trusted
      .filter((certificate) => certificate !== trusted[0] || authority === undefined)
      .map((certificate) => line(true, `also trusted ${identify(certificate, now)}`)),
    leaf
      ? line(isValid(leaf, now), `serving certificate ${identify(leaf, now)}, for ${leaf.subjectAltName ?? "no name"}`)
      : line(false, "no serving certificate with its key in the Secret"),
    webhooksVersion === undefined
      ? line(false, `MutatingWebhookConfiguration ${names.webhookConfiguration} does not exist: nothing is injected`)
      : line(webhooks.length > 0, `MutatingWebhookConfiguration ${names.webhookConfiguration}`),
    ...webhooks.map(({ name, host, caBundle }) => {
      const trusts = parseBundle(caBundle);
      const isTrusting = authority !== undefined && includes(trusts, authority);
      const isNamed = leaf !== undefined && covers(leaf, [host]);
      const extra = sameSet(trusts, trusted) ? "" : "; its caBundle is not the Secret's";
      return line(isTrusting && isNamed, `${name}: ${isTrusting ? "trusts" : "does not trust"} the authority${extra}`);
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

/** One that does not serve and does not answer is none of them: it reads its Secret anew when it starts. */
function podsLines(servers: readonly Server[], leaf: X509Certificate | undefined): readonly Line[] {
  const pods = servers.filter(({ isServing, fingerprint }) => isServing || fingerprint !== undefined);
  const others = pods.filter(({ fingerprint }) => fingerprint === undefined || fingerprint !== leaf?.fingerprint256);
  if (pods.length === 0) return [line(false, "no Pod serves")];
  const fresh = pods.length - others.length;
  return [
    line(others.length === 0, `${fresh} of ${pods.length} Pods present this certificate`),
    ...others.map(({ name, fingerprint }) =>
      line(
        false,
        fingerprint === undefined
          ? `${name} does not answer; Pods can be asked from within the cluster only`
          : `${name} presents another (${shorten(fingerprint)}); kubelet may take two minutes`,
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
