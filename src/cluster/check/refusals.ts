/**
 * What has been refused lately. There are two sources. Events, which the API server keeps for an
 * hour by default, say which controllers met a refusal. The admission Pods' counters say how often
 * and why since they started, whoever asked. Neither is complete: whoever runs `kubectl apply` gets
 * no event.
 */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { good, warning, type Finding, type Group } from "./finding.ts";
import type { Event } from "./objects.ts";
import { samplesOf, type OpsPortFacts, type ServingPod } from "./ops-port.ts";

export interface RefusalFacts extends OpsPortFacts {
  readonly now: Date;
  /** Those with the reason FailedCreate. */
  readonly events: Answer<readonly Event[] | undefined>;
}

export const REFUSALS_GROUP: Group<RefusalFacts> = {
  title: "Refused Jobs",
  checks: [
    { id: "refused-by-events", run: ({ events, now }) => whenKnown(events, (all) => eventFindings(all ?? [], now)) },
    { id: "refused-by-metrics", run: ({ serving }) => (serving.kind === "known" ? metricFindings(serving.value) : []) },
  ],
};

const HOUR_MS = 3_600_000;
const DOCS = docsUrl("operations", "when-something-is-wrong");
/** Of webhooks and policies: `"jobs-labelled-enabled-need-curfew-running.curfew.sh"`, `'curfew-jobs'`. */
const BY_CURFEW = /curfew\.sh|'curfew-(jobs|pods)'/;
const SHOWN = 3;

function eventFindings(all: readonly Event[], now: Date): Finding[] {
  const recent = all.filter((event) => BY_CURFEW.test(event.message ?? "") && now.getTime() - timeOf(event) <= HOUR_MS);
  if (recent.length === 0)
    return [good("none from CronJobs and other controllers in the last hour, according to events")];
  const byObject = [
    ...Map.groupBy(
      recent,
      ({ involvedObject: { kind = "", namespace = "", name = "" } }) => `${kind} ${namespace}/${name}`,
    ),
  ];
  const shown = byObject.slice(0, SHOWN).map(([what, events]) => {
    const [latest] = events.toSorted((one, other) => timeOf(other) - timeOf(one));
    const hint = "curfew explain -f job.yaml says what to change";
    return warning(`${what} couldn't create an object in the last hour: ${latest?.message ?? ""}`, hint, DOCS);
  });
  const more = byObject.length - shown.length;
  return more > 0
    ? [...shown, warning(`and ${more} more`, "kubectl get events -A --field-selector reason=FailedCreate", DOCS)]
    : shown;
}

function timeOf({ lastTimestamp, series, eventTime }: Event): number {
  return Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? "") || 0;
}

function metricFindings(pods: readonly ServingPod[]): Finding[] {
  const answering = pods.filter(({ metrics }) => metrics.kind === "known");
  if (answering.length === 0) return []; // said at the operations port
  const samples = answering.flatMap(({ metrics }) =>
    metrics.kind === "known" ? samplesOf(metrics.value ?? "", "curfew_admission_requests_total") : [],
  );
  const since = answering.map(({ startTime }) => startTime ?? "").toSorted()[0] ?? "";
  const of = (outcome: string): { total: number; reasons: string } => {
    const byReason = Map.groupBy(
      samples.filter(({ labels, value }) => labels["outcome"] === outcome && value > 0),
      ({ labels }) => labels["reason"] ?? "",
    );
    const sums = [...byReason].map(
      ([reason, same]) => [reason, same.reduce((sum, { value }) => sum + value, 0)] as const,
    );
    return {
      total: sums.reduce((sum, [, value]) => sum + value, 0),
      reasons: sums.map(([reason, value]) => `${reason} ${value}`).join(", "),
    };
  };
  const refused = of("refused");
  const failed = of("failed");
  const reasons = refused.total > 0 ? `: ${refused.reasons}` : "";
  return [
    good(`${refused.total} refused since the admission Pods started (${since})${reasons}`),
    ...(failed.total > 0
      ? [
          warning(
            `reviews without an answer since then: ${failed.reasons}`,
            "see the log of curfew-admission",
            docsUrl("metrics", "curfew_admission_requests_total"),
          ),
        ]
      : []),
  ];
}
