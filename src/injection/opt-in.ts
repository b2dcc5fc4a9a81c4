/**
 * Reads who opts in before anything else, so whatever hasn't opted in is left alone, whatever its
 * shape.
 */
import { leave, refuse } from "./leave-or-refuse.ts";
import { ENABLED_KEY } from "./names.ts";
import type { LeavePlan, Plan, PlanOptions, RefusePlan } from "./plan.ts";
import { quote } from "./quote.ts";
import { REFUSE_REASONS } from "./reasons.ts";

interface Bearer {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, unknown>> | null;
    readonly annotations?: Readonly<Record<string, unknown>> | null;
  } | null;
}

type OptIn = Pick<PlanOptions, "optIn">;

/**
 * Undefined: the Job has opted in, by a label or an annotation. Or it isn't even an object, and then
 * it's refused later rather than ignored.
 */
export function unlessJobOptsIn(job: unknown, { optIn = "own" }: OptIn): LeavePlan | RefusePlan | undefined {
  if (optIn === "assumed" || typeof job !== "object" || job === null) return undefined;
  const { metadata } = job as Bearer;
  const label = metadata?.labels?.[ENABLED_KEY];
  const annotation = metadata?.annotations?.[ENABLED_KEY];
  const says = [label, annotation].map(meaningOf);
  if (says.includes(true) && says.includes(false)) return refuse("invalid-annotation", CONTRADICTION);
  return decide(says, optIn, [...oddValue("label", label), ...oddValue("annotation", annotation)]);
}

/** The same for a Pod, which only a label opts in. */
export function unlessPodOptsIn(pod: unknown, { optIn = "own" }: OptIn): LeavePlan | undefined {
  if (optIn === "assumed" || typeof pod !== "object" || pod === null) return undefined;
  const label = (pod as Bearer).metadata?.labels?.[ENABLED_KEY];
  return decide([meaningOf(label)], optIn, oddValue("label", label));
}

const CONTRADICTION =
  `The Job's label and annotation ${ENABLED_KEY} contradict each other: one is "true", the other one "false". ` +
  "Remove one of them, or give both the same value.";

function decide(
  says: readonly (boolean | undefined)[],
  optIn: "own" | "namespace",
  odd: readonly string[],
): LeavePlan | undefined {
  if (says.includes(true)) return undefined;
  if (says.includes(false)) return leave("opted-out", []);
  // An odd value in a namespace that opts in is more likely meant to opt out.
  return optIn === "namespace" && odd.length === 0 ? undefined : leave("not-enabled", odd);
}

/** Undefined: it says nothing that Curfew knows. */
function meaningOf(value: unknown): boolean | undefined {
  if (value === "true") return true;
  // A manifest that the API server hasn't seen yet can have a boolean.
  return value === "false" || value === false ? false : undefined;
}

function oddValue(what: "label" | "annotation", value: unknown): readonly string[] {
  if (value == null || meaningOf(value) !== undefined) return [];
  return [
    `The ${what} ${ENABLED_KEY} is ${describe(value)}, so it has no effect: it must be "true" or "false", in quotes.`,
  ];
}

function describe(value: unknown): string {
  if (typeof value === "string") return quote(value);
  return typeof value === "boolean" || typeof value === "number" ? String(value) : "not a string";
}

/**
 * A namespace's opt-in is a best effort: a Job that would be refused may be fine as it is, so it's
 * left alone, with the refusal as a warning. `place` is the path to the Job's metadata.
 */
export function leaveInsteadOfRefusing(plan: Plan, { optIn }: OptIn, place: string): Plan {
  if (plan.kind !== "refuse" || optIn !== "namespace") return plan;
  const { reason, message, containers } = plan;
  const warning =
    `The namespace opts in this Job, but Curfew leaves it as it is. ${message} ` +
    `To end this warning, set ${ENABLED_KEY}: "false" in ${place}.labels.`;
  return { kind: "leave", reason, message, warnings: [warning, ...plan.warnings], containers, patch: [] };
}

/** Refuses an object of the wrong shape. `problem` says what's wrong where, without a full stop. */
export function refuseMalformed(kind: "Job" | "CronJob" | "Pod", problem: string): RefusePlan {
  const sentence = REFUSE_REASONS.malformed.replace("Job", kind).replace(".", "");
  return refuse("malformed", `${sentence}: ${problem}.`);
}
