/** What people write when they mean the label. It enables nothing, so they get a warning. */
import { nearest } from "../injection/nearest.ts";
import { ENABLED_KEY } from "../injection/names.ts";
import { quote } from "../injection/quote.ts";
import { valueAt, type FoundJob } from "./find-jobs.ts";

export interface LookAlike {
  readonly key: string;
  /** A sentence that says where it is, and what to write where. */
  readonly message: string;
}

/**
 * The look-alikes of the label on a Job without it. The planner itself warns about the label on a
 * CronJob.
 */
export function optInLookAlikes({ kind, object }: FoundJob): LookAlike[] {
  const job = kind === "Job" ? [] : ["spec", "jobTemplate"];
  const right = [...job, "metadata", "labels"];
  const places = [
    ...(kind === "CronJob" ? [["metadata", "labels"]] : []),
    ...(kind === "CronJob" ? [["metadata", "annotations"]] : []),
    right,
    [...job, "metadata", "annotations"],
    [...job, "spec", "template", "metadata", "labels"],
    [...job, "spec", "template", "metadata", "annotations"],
  ];
  return places.flatMap((place, index) =>
    Object.entries(valueAt(object, ...place) ?? {})
      .filter(([key, value]) => looksAlike(key, value))
      .filter(([key]) => !(kind === "CronJob" && index === 0 && key === ENABLED_KEY))
      .map(([key]) => {
        const what = `The ${place.at(-1) === "labels" ? "label" : "annotation"} ${quote(key)} in ${place.join(".")}`;
        return { key, message: `${what} has no effect: write ${ENABLED_KEY}: "true" in ${right.join(".")}.` };
      }),
  );
}

/** Curfew's domain as somebody might remember it, or no domain at all. */
const CURFEWS = /^[^/]*curfew[^/]*\/|^curfew([-_.]?(sh)?[-_.]?enabled?)?$/i;

/**
 * Only values that are meant to enable. A value that says no has the effect that its author
 * expects.
 */
function looksAlike(key: string, value: unknown): boolean {
  if (value !== true && !(typeof value === "string" && /^(true|yes|on|enabled?)$/i.test(value))) return false;
  return CURFEWS.test(key) || nearest(key, [ENABLED_KEY]) !== undefined;
}
