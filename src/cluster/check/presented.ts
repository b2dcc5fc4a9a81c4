/** Which certificate the admission Pods serve with. */
import type { ParsedSecret } from "../../../certs/secret.ts";
import { docsUrl } from "../../process/docs.ts";
import type { Answer } from "./answer.ts";
import { daysLeft } from "./days-left.ts";
import { bad, good, warning, type Finding } from "./finding.ts";
import { samplesOf, type OpsPortFacts } from "./ops-port.ts";

export interface PresentedFacts extends OpsPortFacts {
  readonly now: Date;
  readonly secret: Answer<ParsedSecret | undefined>;
}

/** By the Pods' own metric, as Pods themselves can be asked only from within the cluster. */
export function presentedFindings({ serving, secret, now }: PresentedFacts): Finding[] {
  if (serving.kind === "unknown") return [];
  const expiries = serving.value.flatMap(({ name, metrics }) => {
    const [sample] =
      metrics.kind === "known" ? samplesOf(metrics.value ?? "", "curfew_certificate_expiry_timestamp_seconds") : [];
    return sample === undefined || sample.value === 0 ? [] : [{ name, until: new Date(sample.value * 1000) }];
  });
  const leaf = secret.kind === "known" ? secret.value?.leaf : undefined;
  if (expiries.length === 0) return [];
  const isFresh = (until: Date): boolean => leaf === undefined || until.getTime() === leaf.validToDate.getTime();
  const stale = expiries.filter(({ until }) => !isFresh(until));
  const [first] = expiries;
  if (stale.length === 0 && first)
    return [
      good(
        `${expiries.length} of ${serving.value.length} Pods serve ${leaf ? "the Secret's" : "a"} certificate, ${daysLeft(first.until, now)}`,
      ),
    ];
  return stale.map(({ name, until }) => {
    const hint = "wait up to two minutes for kubelet to mount the new one. If that doesn't help, restart the Pod";
    const text = `${name} serves a certificate other than the Secret's, ${daysLeft(until, now)}`;
    return (until < now ? bad : warning)(text, hint, docsUrl("operations", "certificates"));
  });
}
