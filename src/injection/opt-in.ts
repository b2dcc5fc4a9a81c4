/** The label, read before anything else, so that a Job which did not opt in is left alone whatever its shape. */
import { ENABLED_LABEL } from "./names.ts";
import type { LeavePlan, PlanOptions, RefusePlan } from "./plan.ts";
import { quote } from "./quote.ts";
import { LEAVE_REASONS, REFUSE_REASONS } from "./reasons.ts";

interface Labelled {
  readonly metadata?: { readonly labels?: Readonly<Record<string, unknown>> | null } | null;
}

/** Undefined: the Job opted in, or is no object at all, which is refused rather than overlooked. */
export function leaveUnlabelled(job: unknown, { all = false }: PlanOptions): LeavePlan | undefined {
  if (all || typeof job !== "object" || job === null) return undefined;
  const label = (job as Labelled).metadata?.labels?.[ENABLED_LABEL];
  if (label === "true") return undefined;
  const warnings =
    label == null || label === "false" || label === false
      ? []
      : [`The label ${ENABLED_LABEL} is ${describe(label)}, which enables nothing: it must be "true", in quotes.`];
  return {
    kind: "leave",
    reason: "not-enabled",
    message: LEAVE_REASONS["not-enabled"],
    patch: [],
    warnings,
    containers: [],
  };
}

/** The API server takes nothing but text; a manifest that it has not seen yet may hold the boolean. */
function describe(label: unknown): string {
  if (typeof label === "string") return quote(label);
  return typeof label === "boolean" || typeof label === "number" ? String(label) : "no text";
}

export function refuseMalformed(kind: "Job" | "CronJob", problem: string): RefusePlan {
  const sentence = REFUSE_REASONS.malformed.replace("Job", kind).replace(".", "");
  return {
    kind: "refuse",
    reason: "malformed",
    message: `${sentence}: ${problem}.`,
    limits: [],
    waysOut: [],
    warnings: [],
    containers: [],
  };
}
