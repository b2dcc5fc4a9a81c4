/** `curfew certs status`: what is there, for a person; pure but for {@link showStatus}, which asks. */
import type { KubeConfig } from "@kubernetes/client-node";
import type { X509Certificate } from "node:crypto";
import { KubernetesCluster, type Names } from "./kubernetes.ts";
import { servingCertificate, signingAuthority } from "./plan.ts";
import type { Observed } from "./reconcile.ts";
import { covers, includes, parseBundle, sameSet } from "./x509.ts";

export interface Status {
  readonly text: string;
  /** A request by the API server would be served now, by every Pod. */
  readonly isHealthy: boolean;
}

export async function showStatus(names: Names, kubeConfig: KubeConfig): Promise<Status> {
  const cluster = new KubernetesCluster(kubeConfig, names);
  const observed = await cluster.observe();
  return describeStatus(new Date(), names, observed, await cluster.presented(observed.webhooks));
}

/** A line for each certificate, webhook and group of Pods; those that are not as they should be begin with `!`. */
export function describeStatus(
  now: Date,
  names: Names,
  { secret, webhooks, webhooksVersion }: Observed,
  presented: readonly string[] | undefined,
): Status {
  const trusted = parseBundle(secret?.bundle ?? "");
  const authority = signingAuthority(secret);
  const leaf = secret && servingCertificate(secret, trusted);
  const lines = [
    secret
      ? line(true, `Secret ${names.namespace}/${names.secret}`)
      : line(false, `Secret ${names.namespace}/${names.secret} does not exist: does curfew certs run?`),
    authority
      ? line(isValid(authority, now), `authority ${identify(authority)}`)
      : line(false, "no authority with its key in the Secret"),
    ...trusted
      .filter((certificate) => certificate !== trusted[0] || authority === undefined)
      .map((certificate) => line(true, `also trusted ${identify(certificate)}`)),
    leaf
      ? line(isValid(leaf, now), `serving certificate ${identify(leaf)}, for ${leaf.subjectAltName ?? "no name"}`)
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
    podsLine(presented, leaf),
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

function podsLine(presented: readonly string[] | undefined, leaf: X509Certificate | undefined): Line {
  if (presented === undefined) return line(false, "a Pod that serves does not answer; see kubectl get endpointslices");
  const fresh = presented.filter((fingerprint) => fingerprint === leaf?.fingerprint256).length;
  const text = `${fresh} of ${presented.length} Pods present this certificate`;
  if (presented.length === 0) return line(false, "no Pod serves");
  return line(fresh === presented.length, fresh === presented.length ? text : `${text}; kubelet may take two minutes`);
}

function identify(certificate: X509Certificate): string {
  const subject = certificate.subject.split("\n").find((part) => part.startsWith("CN=")) ?? "CN=";
  const until = certificate.validToDate.toISOString();
  return `"${subject.slice("CN=".length)}" (${certificate.fingerprint256.slice(0, 11)}…), until ${until}`;
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now <= certificate.validToDate;
}
