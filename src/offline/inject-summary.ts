/**
 * One line for standard error that says what `curfew inject` did, as its output doesn't show which
 * Jobs it skipped.
 */
import type { PlannedJob } from "./plan-manifests.ts";

type JobOutcome = "patched" | "injected already" | "without sidecars" | "unlabelled" | "opted out" | "refused";

/** Summarizes at least one Job. For none, see nothing-found.ts. */
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
  const others = (["unlabelled", "opted out", "injected already", "without sidecars"] as const)
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) =>
      jobs.length === 1 ? `it ${PHRASES[outcome][0]}` : `${count(outcome)} ${phrase(outcome, count(outcome))}`,
    );
  return others.length > 0 ? `${head}${patched > 0 ? ";" : ":"} ${others.join(", ")}` : head;
}

/** Singular and plural. */
const PHRASES = {
  unlabelled: ["isn't labelled (--all patches it, too)", "aren't labelled (--all patches them, too)"],
  "opted out": ["has a label other than true", "have a label other than true"],
  "injected already": ["is already injected", "are already injected"],
  "without sidecars": ["has no sidecars to stop", "have no sidecars to stop"],
} as const satisfies Partial<Record<JobOutcome, readonly [string, string]>>;

function phrase(outcome: keyof typeof PHRASES, count: number): string {
  return PHRASES[outcome][count === 1 ? 0 : 1];
}

function outcomeOf({ plan, label }: PlannedJob): JobOutcome {
  if (plan.kind === "patch") return "patched";
  if (plan.kind === "refuse") return "refused";
  if (plan.reason === "not-enabled") return label === undefined ? "unlabelled" : "opted out";
  if (plan.reason === "opted-out") return "opted out";
  return plan.reason === "already-injected" ? "injected already" : "without sidecars";
}

function nounOf(jobs: readonly PlannedJob[]): string {
  const kinds = [...new Set(jobs.map(({ kind }) => kind))].sort().reverse();
  return kinds.map((kind) => (jobs.length === 1 ? kind : `${kind}s`)).join(" and ");
}
