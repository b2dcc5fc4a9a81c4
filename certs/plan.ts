/**
 * Decides what to do next about the certificates. Pure: no clock, no randomness, no API server. It
 * returns one step. Whoever carries it out then reads everything again and asks for the next one,
 * so it's safe to stop anywhere, and to run twice at once.
 *
 * The rule that keeps every request working: add trust at once, remove it late. An authority is in
 * every caBundle before it signs, and stays there until long after the last Pod has stopped
 * presenting a certificate that it signed.
 */
import type { X509Certificate } from "node:crypto";
import type { Webhook } from "./cluster.ts";
import type { StepReason, WaitReason } from "./reasons.ts";
import { EMPTY_SECRET, type ParsedSecret } from "./secret.ts";
import {
  covers,
  dnsNames,
  includes,
  isSignedBy,
  needsRenewal,
  renewalTime,
  sameSet,
  union,
  type Bundle,
  type CertificateAndKey,
} from "./x509.ts";

/**
 * How long something has been true without a break, in milliseconds of a clock that never jumps. 0
 * if it isn't true now.
 */
export interface Agreement {
  /** Every webhook trusts the authority that signs. */
  readonly webhooksForMs: number;
  /** Every serving Pod presents the Secret's certificate. */
  readonly podsForMs: number;
}

/** How long {@link Agreement} must have lasted before a step that relies on it. */
export interface Delays {
  /** The longest that API servers may take to see a changed caBundle. */
  readonly publishMs: number;
  /** Far longer than kubelet takes to update a Secret in a Pod, which is 30 to 100 s. */
  readonly rolloutMs: number;
}

/** A change to the Secret or, for `publish`, to the webhook configuration. */
export type Step =
  | { readonly kind: "create-authority"; readonly because: StepReason; readonly trust: Bundle }
  | {
      readonly kind: "publish";
      readonly because: StepReason;
      readonly caBundles: ReadonlyMap<string, Bundle>;
    }
  | {
      readonly kind: "issue-certificate";
      readonly because: StepReason;
      readonly issuer: CertificateAndKey;
      readonly names: readonly string[];
    }
  | { readonly kind: "retire-authorities"; readonly because: StepReason; readonly bundle: Bundle };

/** The next step, or how long to wait before planning again. */
export type Plan = Step | { readonly kind: "wait"; readonly because: WaitReason; readonly ms: number };

/** Everything that a plan depends on. */
export interface Situation {
  readonly now: Date;
  readonly secret: ParsedSecret | undefined;
  readonly webhooks: readonly Webhook[];
  readonly agreement: Agreement;
  readonly delays: Delays;
}

/**
 * Far more than a rotation needs. Without a limit, two processes whose clocks are a year apart
 * would add authorities for ever.
 */
const MAX_TRUSTED = 8;

/**
 * The next step towards certificates that are valid, trusted by every webhook and presented by
 * every Pod.
 */
export function planCertificates({ now, secret, webhooks, agreement, delays }: Situation): Plan {
  if (secret === undefined && webhooks.length === 0) return wait("no-webhook", Infinity);

  const { bundle, authority, leaf } = secret ?? EMPTY_SECRET;
  if (authority === undefined || needsRenewal(authority.certificate, now)) {
    // Even if the Secret is new, Pods may present a certificate of any authority that was ever
    // published.
    const trust = webhooks.reduce((all, { caBundle }) => union(all, caBundle), bundle).slice(0, MAX_TRUSTED - 1);
    return { kind: "create-authority", because: authority ? "authority-due" : "authority-missing", trust };
  }

  const isCurrent = leaf !== undefined && isSignedBy(leaf, authority.certificate);
  const isRolledOut = isCurrent && agreement.podsForMs >= delays.rolloutMs;
  const isRotating = bundle.length > 1;

  const wantedFor = (caBundle: Bundle): Bundle =>
    isRolledOut && !isRotating ? bundle : union(bundle, caBundle).slice(0, MAX_TRUSTED);
  const outdated = webhooks.filter(({ caBundle }) => !sameSet(caBundle, wantedFor(caBundle)));
  if (outdated.length > 0) {
    const isMissing = outdated.some(({ caBundle }) => bundle.some((trusted) => !includes(caBundle, trusted)));
    const because = isMissing ? "authority-unpublished" : "authority-superseded";
    const caBundles = new Map(outdated.map(({ name, caBundle }) => [name, wantedFor(caBundle)]));
    return { kind: "publish", because, caBundles };
  }

  const hosts = [...new Set(webhooks.map(({ host }) => host))].sort();
  const names = hosts.length > 0 || leaf === undefined ? hosts : dnsNames(leaf);
  const because = reasonToIssue(leaf, isCurrent, names, now);
  if (because !== undefined) {
    if (names.length === 0) return wait("no-webhook", Infinity);
    // In a first installation no Pod can serve yet, so there is nothing to wait for.
    const isFirst = leaf === undefined && !isRotating;
    if (!isFirst && agreement.webhooksForMs < delays.publishMs)
      return wait("publishing", delays.publishMs - agreement.webhooksForMs);
    return { kind: "issue-certificate", because, issuer: authority, names };
  }

  if (isRolledOut && isRotating)
    return { kind: "retire-authorities", because: "authority-superseded", bundle: [authority.certificate] };

  const renewals = [authority.certificate, leaf].flatMap((it) => (it ? [renewalTime(it).getTime()] : []));
  const untilRenewal = Math.min(...renewals) - now.getTime();
  return isRotating || webhooks.some(({ caBundle }) => caBundle.length > 1)
    ? wait("rolling-out", Math.min(untilRenewal, delays.rolloutMs - agreement.podsForMs))
    : wait("settled", untilRenewal);
}

function reasonToIssue(
  leaf: X509Certificate | undefined,
  isCurrent: boolean,
  names: readonly string[],
  now: Date,
): StepReason | undefined {
  if (leaf === undefined) return "certificate-missing";
  if (!isCurrent) return "authority-replaced";
  if (!covers(leaf, names)) return "service-unnamed";
  return needsRenewal(leaf, now) ? "certificate-due" : undefined;
}

function wait(because: WaitReason, ms: number): Plan {
  return { kind: "wait", because, ms: Math.max(0, ms) };
}
