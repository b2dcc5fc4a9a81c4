/**
 * What to do next about the certificates, from what is there. Pure but for the certificates it takes apart: no clock, no randomness,
 * no API server. It returns one step; whoever carries it out reads everything again and asks for the next, so an interruption
 * anywhere, and a second process beside it, do no harm.
 *
 * The law that keeps every request alive: trust is added at once and removed late. An authority is in every caBundle before it
 * signs, and leaves the caBundles long after the last Pod that presented a certificate of its predecessor.
 */
import type { X509Certificate } from "node:crypto";
import type { StepReason, WaitReason } from "./reasons.ts";
import {
  covers,
  dnsNames,
  formatBundle,
  includes,
  isKeyOf,
  isSignedBy,
  needsRenewal,
  parseBundle,
  renewalTime,
  sameSet,
  union,
} from "./x509.ts";

/** The Secret's texts, PEM; empty where a key is missing. What they hold may be anything: people edit Secrets. */
export interface CertificateSecret {
  /** ca.crt: the authority that signs, then those that are still trusted. */
  readonly bundle: string;
  /** ca.key: of the first in `bundle`. */
  readonly authorityKey: string;
  /** tls.crt, tls.key. */
  readonly cert: string;
  readonly key: string;
}

/** An entry of the webhook configuration that calls a Service of ours. */
export interface Webhook {
  readonly name: string;
  /** The name that the API server expects in the certificate: SERVICE.NAMESPACE.svc. */
  readonly host: string;
  /** PEM. */
  readonly caBundle: string;
}

/** For how long something has been so without a break, in milliseconds of a clock that never jumps. 0: it is not so. */
export interface Agreement {
  /** Every webhook trusts the authority that signs. */
  readonly webhooksForMs: number;
  /** Every serving Pod presents the Secret's certificate. */
  readonly podsForMs: number;
}

export interface Delays {
  /** How long API servers may take to see a change of a caBundle. */
  readonly publishMs: number;
  /** Far more than kubelet takes to bring a Secret to a Pod, 30 to 100 s. */
  readonly rolloutMs: number;
}

export type Step =
  | { readonly kind: "create-authority"; readonly because: StepReason; readonly trust: string }
  | { readonly kind: "publish"; readonly because: StepReason; readonly caBundles: ReadonlyMap<string, string> }
  | { readonly kind: "issue-certificate"; readonly because: StepReason; readonly names: readonly string[] }
  | { readonly kind: "retire-authorities"; readonly because: StepReason; readonly bundle: string };

export type Plan = Step | { readonly kind: "wait"; readonly because: WaitReason; readonly milliseconds: number };

export interface Situation {
  readonly now: Date;
  readonly secret: CertificateSecret | undefined;
  readonly webhooks: readonly Webhook[];
  readonly agreement: Agreement;
  readonly delays: Delays;
}

/** Far more than an overlap needs. Two processes whose clocks are a year apart would else add authorities without end. */
const MAX_TRUSTED = 8;

export function planCertificates({ now, secret, webhooks, agreement, delays }: Situation): Plan {
  if (secret === undefined && webhooks.length === 0) return wait("no-webhook", Infinity);

  const trusted = parseBundle(secret?.bundle ?? "");
  const published = webhooks.map(({ name, caBundle }) => ({ name, trusts: parseBundle(caBundle) }));
  const authority = signingAuthority(secret);
  if (authority === undefined || needsRenewal(authority, now)) {
    // Pods may present a certificate of any authority that was ever published, be the Secret new.
    const trust = published.reduce((all, { trusts }) => union(all, trusts), trusted);
    const because = authority === undefined ? "authority-missing" : "authority-due";
    return { kind: "create-authority", because, trust: formatBundle(trust.slice(0, MAX_TRUSTED - 1)) };
  }

  const leaf = secret && servingCertificate(secret, trusted);
  const isRolledOut = leaf !== undefined && isSignedBy(leaf, authority) && agreement.podsForMs >= delays.rolloutMs;
  const isExact = isRolledOut && trusted.length === 1;
  const caBundles = published.flatMap(({ name, trusts }): [string, string][] => {
    const wanted = (isExact ? trusted : union(trusted, trusts)).slice(0, MAX_TRUSTED);
    return sameSet(trusts, wanted) ? [] : [[name, formatBundle(wanted)]];
  });
  if (caBundles.length > 0) {
    const isAdded = published.some(({ trusts }) => trusted.some((certificate) => !includes(trusts, certificate)));
    const because = isAdded ? "authority-unpublished" : "authority-superseded";
    return { kind: "publish", because, caBundles: new Map(caBundles) };
  }

  const hosts = [...new Set(webhooks.map(({ host }) => host))].sort();
  const names = hosts.length > 0 || leaf === undefined ? hosts : dnsNames(leaf);
  const because = reasonToIssue(leaf, authority, names, now);
  if (because !== undefined) {
    if (names.length === 0) return wait("no-webhook", Infinity);
    // Nobody can be served yet where nothing else was ever trusted and there is no certificate: a first installation.
    const isFirst = leaf === undefined && trusted.length === 1;
    if (!isFirst && agreement.webhooksForMs < delays.publishMs)
      return wait("publishing", delays.publishMs - agreement.webhooksForMs);
    return { kind: "issue-certificate", because, names };
  }

  if (isRolledOut && trusted.length > 1)
    return { kind: "retire-authorities", because: "authority-superseded", bundle: formatBundle([authority]) };

  const untilRenewal =
    Math.min(...[leaf, authority].map((it) => (it ? renewalTime(it).getTime() : Infinity))) - now.getTime();
  const hasSuperseded = published.some(({ trusts }) => trusts.length > 1) || trusted.length > 1;
  return hasSuperseded
    ? wait("rolling-out", Math.min(untilRenewal, delays.rolloutMs - agreement.podsForMs))
    : wait("settled", untilRenewal);
}

/** Whether every webhook trusts the authority that signs: what {@link Agreement} measures, and what is read back after a publish. */
export function isPublished(secret: CertificateSecret | undefined, webhooks: readonly Webhook[]): boolean {
  const authority = signingAuthority(secret);
  return authority !== undefined && webhooks.every(({ caBundle }) => includes(parseBundle(caBundle), authority));
}

/** The first authority of the Secret, if it is one and its key is there. */
export function signingAuthority(secret: CertificateSecret | undefined): X509Certificate | undefined {
  const [first] = parseBundle(secret?.bundle ?? "");
  return first?.ca === true && isKeyOf(secret?.authorityKey ?? "", first) ? first : undefined;
}

/** The Secret's serving certificate, if its key is there and one of `trusted` signed it. */
export function servingCertificate(
  { cert, key }: CertificateSecret,
  trusted: readonly X509Certificate[],
): X509Certificate | undefined {
  const [leaf] = parseBundle(cert);
  const isOurs = leaf !== undefined && isKeyOf(key, leaf) && trusted.some((authority) => isSignedBy(leaf, authority));
  return isOurs ? leaf : undefined;
}

function reasonToIssue(
  leaf: X509Certificate | undefined,
  authority: X509Certificate,
  names: readonly string[],
  now: Date,
): StepReason | undefined {
  if (leaf === undefined) return "certificate-missing";
  if (!isSignedBy(leaf, authority)) return "authority-replaced";
  if (!covers(leaf, names)) return "service-unnamed";
  return needsRenewal(leaf, now) ? "certificate-due" : undefined;
}

function wait(because: WaitReason, milliseconds: number): Plan {
  return { kind: "wait", because, milliseconds: Math.max(0, milliseconds) };
}
