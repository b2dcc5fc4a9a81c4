/** The certificates, as `curfew certs status` describes them, with what to do. */
import type { ParsedSecret } from "../../../certs/secret.ts";
import type { Configuration, Webhook } from "../../../certs/cluster.ts";
import { certificateLines, type Line } from "../../../certs/status.ts";
import { isSignedBy, needsRenewal } from "../../../certs/x509.ts";
import { daysLeft } from "./days-left.ts";
import { docsUrl } from "../../process/docs.ts";
import { notLookedAt, type Answer } from "./answer.ts";
import { bad, good, warning, type Finding, type Group } from "./finding.ts";
import { listed } from "./matching.ts";
import type { OpsPortFacts } from "./ops-port.ts";
import { presentedFindings } from "./presented.ts";
import type { OwnNames } from "./own-names.ts";

export interface CertificateFacts extends OpsPortFacts {
  readonly names: OwnNames;
  readonly now: Date;
  /** The Secret that the admission Pods mount. */
  readonly secretName: string;
  /** The value is undefined if there's no Secret. */
  readonly secret: Answer<ParsedSecret | undefined>;
  readonly webhooks: readonly Webhook[];
  readonly configurations: readonly Configuration[];
  readonly hasCertManager: boolean;
}

export const CERTIFICATES_GROUP: Group<CertificateFacts> = {
  title: "Certificates",
  checks: [
    { id: "certificates", run: secretFindings },
    { id: "ca-bundles", run: caBundleFindings },
    { id: "presented-certificate", run: presentedFindings },
  ],
};

function linesOf({
  names,
  secretName,
  secret,
  webhooks,
  configurations,
  hasCertManager,
  now,
}: CertificateFacts): readonly Line[] {
  if (secret.kind === "unknown") return [];
  const parsed = secret.value;
  const at = { namespace: names.namespace, secret: secretName, webhookConfiguration: names.configurations };
  const observed = { secret: parsed && { ...parsed, version: "" }, webhooks, configurations };
  // cert-manager keeps the authority's key elsewhere.
  const signer = parsed?.bundle.find((authority) => parsed.leaf && isSignedBy(parsed.leaf, authority));
  return certificateLines(now, at, observed, hasCertManager ? signer : parsed?.authority?.certificate);
}

function secretFindings(facts: CertificateFacts): Finding[] {
  const { secret, now, names, configurations, hasCertManager } = facts;
  if (secret.kind === "unknown") return [notLookedAt(secret)];
  return (
    linesOf(facts)
      .filter(({ subject }) => subject !== "webhook")
      // A missing Secret needs one line, not three.
      .filter(({ subject }) => secret.value !== undefined || ["secret", "configuration"].includes(subject))
      .map((line) => {
        const { certificate, isGood, subject } = line;
        if (subject === "configuration" && !isGood && configurations.some(({ name }) => line.text.endsWith(` ${name}`)))
          return bad(`${line.text} calls no Service in ${names.namespace}`, hintFor(subject, facts), docsFor(facts));
        const text = certificate ? `${line.text}, ${daysLeft(certificate.validToDate, now)}` : line.text;
        if (!isGood) return bad(text, hintFor(subject, facts), docsFor(facts));
        // cert-manager's certificates aren't backdated, as needsRenewal() expects.
        const isLate = certificate && !hasCertManager && subject !== "trusted" && needsRenewal(certificate, now);
        return isLate ? warning(text, hintFor(subject, facts), docsFor(facts)) : good(text);
      })
  );
}

function hintFor(subject: Line["subject"], { names, hasCertManager }: CertificateFacts): string {
  if (subject === "configuration")
    return "apply the manifests again, or set --webhook-configuration if yours has another name";
  if (hasCertManager) return `kubectl -n ${names.namespace} describe certificate,certificaterequest`;
  return `see what's wrong with curfew-certs: kubectl -n ${names.namespace} logs deploy/curfew-certs`;
}

function docsFor({ hasCertManager }: CertificateFacts): string {
  return hasCertManager ? docsUrl("operations", "with-cert-manager") : docsUrl("operations", "certificates");
}

function caBundleFindings(facts: CertificateFacts): Finding[] {
  const { webhooks, secret, now } = facts;
  if (webhooks.length === 0) return [];
  const docs = docsUrl("operations", "x509-certificate-signed-by-unknown-authority");
  const hint = hintFor("webhook", facts);
  const last = webhooks.flatMap(({ caBundle }) => caBundle.map(({ validToDate }) => validToDate.getTime()));
  const left = last.length === 0 ? "" : `, ${daysLeft(new Date(Math.min(...last)), now)}`;
  const isComparable = secret.kind === "known" && secret.value !== undefined;
  const lines = linesOf(facts).filter(({ subject }) => subject === "webhook");
  // Without the Secret, there's still to say whether each has a caBundle, and for how long.
  const wrong = isComparable
    ? lines.filter(({ isGood }) => !isGood).map(({ text }) => text.replace(/:.*/, ""))
    : webhooks.filter(({ caBundle }) => caBundle.length === 0).map(({ name }) => name);
  const does = isComparable ? "have a caBundle that trusts the authority" : "have a caBundle";
  const right = webhooks.length - wrong.length;
  if (wrong.length === 0) return [good(`${right} of ${webhooks.length} webhooks ${does}${left}`)];
  return [bad(`${right} of ${webhooks.length} webhooks ${does}; these don't: ${listed(wrong)}`, hint, docs)];
}
