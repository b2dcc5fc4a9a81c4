/**
 * What `curfew inject` did, for standard error, as its output doesn't show which Jobs it skipped: a
 * line for people, or JSON for machines.
 */
import { REFUSE_REASONS, type LeaveReason } from "../injection/reasons.ts";
import type { PlannedJob } from "./plan-manifests.ts";

type JobOutcome = "patched" | "refused" | keyof typeof PHRASES;

/** Summarizes at least one Job, CronJob or Pod. For none, see nothing-found.ts. */
export function injectSummary(jobs: readonly PlannedJob[]): string {
  const counts = Map.groupBy(jobs, outcomeOf);
  const count = (outcome: JobOutcome) => counts.get(outcome)?.length ?? 0;
  const [patched, refused] = [count("patched"), count("refused")];
  if (refused > 0) {
    const which = jobs.length === 1 ? `the ${nounOf(jobs)}` : `${refused} of ${jobs.length} ${nounOf(jobs)}`;
    return `nothing was written: ${which} ${refused === 1 ? "was" : "were"} refused`;
  }
  const whole = `${jobs.length} ${nounOf(jobs)}`;
  const head =
    patched === jobs.length
      ? `${whole} patched`
      : patched > 0
        ? `${patched} of ${whole} patched`
        : jobs.length === 1
          ? `the ${nounOf(jobs)} isn't patched`
          : `none of ${whole} patched`;
  const others = (Object.keys(PHRASES) as (keyof typeof PHRASES)[])
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) =>
      jobs.length === 1 ? `it ${PHRASES[outcome][0]}` : `${count(outcome)} ${phrase(outcome, count(outcome))}`,
    );
  return others.length > 0 ? `${head}${patched > 0 ? ";" : ":"} ${others.join(", ")}` : head;
}

/**
 * The same for machines, with the ids of `curfew explain -o json`, and all lines for people as
 * `messages`.
 */
export function injectSummaryJson(jobs: readonly PlannedJob[], messages: readonly string[]): string {
  const entries = jobs.map(({ manifest: { file, number }, kind, namespace, name, plan }) => ({
    file,
    document: number,
    kind,
    ...(namespace ? { namespace } : {}),
    name,
    outcome: plan.kind,
    ...("strategy" in plan ? { strategy: plan.strategy } : {}),
    ...("reason" in plan ? { reason: plan.reason } : {}),
  }));
  return JSON.stringify({ schemaVersion: 1, jobs: entries, messages }, null, 2);
}

/** Singular and plural. */
const PHRASES = {
  unlabelled: ["hasn't opted in (--all patches it, too)", "haven't opted in (--all patches them, too)"],
  "opted out": ["has opted out", "have opted out"],
  "injected already": ["is already injected", "are already injected"],
  "without sidecars": ["has no sidecars to stop", "have no sidecars to stop"],
  "running forever": ["runs forever (restartPolicy: Always)", "run forever (restartPolicy: Always)"],
  static: ["is a static Pod", "are static Pods"],
  unclear: ["is left alone: see the warning", "are left alone: see the warnings"],
} as const satisfies Record<string, readonly [string, string]>;

function phrase(outcome: keyof typeof PHRASES, count: number): string {
  return PHRASES[outcome][count === 1 ? 0 : 1];
}

function outcomeOf({ plan, says }: PlannedJob): JobOutcome {
  if (plan.kind === "patch" || plan.kind === "late") return "patched";
  if (plan.kind === "refuse") return "refused";
  // Only its Namespace opted it in, and otherwise it would be refused.
  if (Object.hasOwn(REFUSE_REASONS, plan.reason)) return "unclear";
  return plan.reason === "not-enabled" && says !== undefined ? "opted out" : OUTCOMES[plan.reason as LeaveReason];
}

const OUTCOMES: Readonly<Record<LeaveReason, JobOutcome>> = {
  "not-enabled": "unlabelled",
  "opted-out": "opted out",
  "already-injected": "injected already",
  "no-late-containers": "injected already",
  "single-container": "without sidecars",
  "no-sidecars": "without sidecars",
  "runs-forever": "running forever",
  "static-pod": "static",
};

function nounOf(jobs: readonly PlannedJob[]): string {
  const kinds = (["Job", "CronJob", "Pod"] as const).filter((kind) => jobs.some((job) => job.kind === kind));
  const nouns = kinds.map((kind) => (jobs.length === 1 ? kind : `${kind}s`));
  return [nouns.slice(0, -1).join(", "), ...nouns.slice(-1)].filter((part) => part !== "").join(" and ");
}
