/** What people write when they mean to opt in. It does nothing there, so they get a warning. */
import { nearest } from "../injection/nearest.ts";
import { ENABLED_KEY } from "../injection/names.ts";
import { quote } from "../injection/quote.ts";
import type { FoundJob } from "./find-jobs.ts";
import { valueAt } from "./find-objects.ts";
import { showPath, type Path } from "./made-template.ts";
import type { PodMaker } from "./pod-makers.ts";

export interface LookAlike {
  readonly key: string;
  /** A sentence that says where it is, and what to write where. */
  readonly message: string;
}

/**
 * The look-alikes on a Job, CronJob or Pod that hasn't opted in. The planner itself warns about the
 * right key on a CronJob.
 */
export function optInLookAlikes({ kind, object }: FoundJob): LookAlike[] {
  const job = kind === "CronJob" ? ["spec", "jobTemplate"] : [];
  const right = [...job, "metadata", "labels"];
  const found = (place: Path, has: string = NOWHERE) => lookAlikesAt(object, place, { right, has });
  const labels = found(["metadata", "labels"]);
  const annotations = found(["metadata", "annotations"]);
  if (kind === "Pod") return [...labels, ...annotations];
  const pod = [...job, "spec", "template", "metadata"];
  return [
    ...(kind === "CronJob" ? [...labels, ...annotations].filter(({ key }) => key !== ENABLED_KEY) : []),
    ...found(right),
    ...found([...job, "metadata", "annotations"]),
    ...found([...pod, "labels"], "opts in this Job's Pods one by one, not the Job as a whole"),
    ...found([...pod, "annotations"]),
  ];
}

/** The look-alikes on an object whose controller makes Pods or Jobs. */
export function makersLookAlikes({ object, labels }: PodMaker): LookAlike[] {
  const [right] = labels;
  if (right === undefined) return [];
  const places = [
    ["metadata", "labels"],
    ["metadata", "annotations"],
    ...labels.flatMap((path) => [path, [...path.slice(0, -1), "annotations"]]),
  ];
  return places.flatMap((place) => lookAlikesAt(object, place, { right, has: NOWHERE }));
}

const NOWHERE = "has no effect";

function lookAlikesAt(object: unknown, place: Path, { right, has }: { right: Path; has: string }): LookAlike[] {
  const isRight = showPath(place) === showPath(right);
  return Object.entries(valueAt(object, ...place) ?? {})
    .filter(([key, value]) => looksAlike(key, value) && !(isRight && key === ENABLED_KEY))
    .map(([key]) => {
      const what = `The ${place.at(-1) === "labels" ? "label" : "annotation"} ${quote(key)} in ${showPath(place)}`;
      const effect = key === ENABLED_KEY ? has : NOWHERE;
      return { key, message: `${what} ${effect}: write ${ENABLED_KEY}: "true" in ${showPath(right)}.` };
    });
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
