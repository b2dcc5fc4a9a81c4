/**
 * Reads the label before anything else, so a Job that hasn't opted in is left alone whatever its
 * shape.
 */
import { leave, refuse } from "./leave-or-refuse.ts";
import { ENABLED_LABEL } from "./names.ts";
import type { LeavePlan, PlanOptions, RefusePlan } from "./plan.ts";
import { quote } from "./quote.ts";
import { REFUSE_REASONS } from "./reasons.ts";

interface Labelled {
  readonly metadata?: { readonly labels?: Readonly<Record<string, unknown>> | null } | null;
}

/**
 * Undefined: the Job has opted in. Or it isn't even an object, and then it's refused later rather
 * than ignored.
 */
export function leaveUnlabelled(job: unknown, { all = false }: PlanOptions): LeavePlan | undefined {
  if (all || typeof job !== "object" || job === null) return undefined;
  const label = (job as Labelled).metadata?.labels?.[ENABLED_LABEL];
  if (label === "true") return undefined;
  const warnings =
    label == null || label === "false" || label === false
      ? []
      : [`The label ${ENABLED_LABEL} is ${describe(label)}, so it has no effect: it must be "true", in quotes.`];
  return leave("not-enabled", warnings);
}

/** The API server accepts only strings. A manifest that it hasn't seen yet can have a boolean. */
function describe(label: unknown): string {
  if (typeof label === "string") return quote(label);
  return typeof label === "boolean" || typeof label === "number" ? String(label) : "not a string";
}

/** Refuses an object of the wrong shape. `problem` says what's wrong where, without a full stop. */
export function refuseMalformed(kind: "Job" | "CronJob", problem: string): RefusePlan {
  const sentence = REFUSE_REASONS.malformed.replace("Job", kind).replace(".", "");
  return refuse("malformed", `${sentence}: ${problem}.`);
}
