/** Where Jobs lie in a manifest: as themselves, in a CronJob, in a List. */
import { ENABLED_LABEL } from "../injection/plan.ts";

export interface FoundJob {
  readonly kind: "Job" | "CronJob";
  readonly name: string;
  readonly namespace?: string;
  /** The Job or CronJob, of whatever shape, and where it lies in the manifest: a JSON Pointer (RFC 6901), empty for all of it. */
  readonly object: unknown;
  readonly pointer: string;
  /** Where what is shaped like a Job lies: the Job itself, or a CronJob's `spec.jobTemplate`. */
  readonly jobPointer: string;
  /** Whether the label opts it in or out; undefined where it does not say. */
  readonly label: boolean | undefined;
  /** A sentence where the label stands on the Pods' template. (The planner itself speaks of one on a CronJob.) */
  readonly misplacedLabel?: string;
}

/** The Jobs and CronJobs of batch/v1 in a manifest, in their order. Everything else is nobody's business. */
export function findJobs(value: unknown, pointer = ""): FoundJob[] {
  if (!isObject(value)) return [];
  const { kind, apiVersion, items } = value;
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    return items.flatMap((item: unknown, index) => findJobs(item, `${pointer}/items/${index}`));
  }
  if (apiVersion !== "batch/v1" || (kind !== "Job" && kind !== "CronJob")) return [];
  const job = kind === "Job" ? value : get(value, "spec", "jobTemplate");
  const name = get(value, "metadata", "name") ?? get(value, "metadata", "generateName");
  const namespace = get(value, "metadata", "namespace");
  const label = labelOf(job);
  const misplacedLabel = label === undefined ? misplaced(kind, job) : undefined;
  return [
    {
      kind,
      name: typeof name === "string" ? name : "(without a name)",
      ...(typeof namespace === "string" ? { namespace } : {}),
      object: value,
      pointer,
      jobPointer: kind === "Job" ? pointer : `${pointer}/spec/jobTemplate`,
      label,
      ...(misplacedLabel === undefined ? {} : { misplacedLabel }),
    },
  ];
}

function labelOf(labelled: unknown): boolean | undefined {
  const label = get(labelled, "metadata", "labels", ENABLED_LABEL);
  return label === undefined ? undefined : label === "true";
}

function misplaced(kind: FoundJob["kind"], job: unknown): string | undefined {
  if (labelOf(get(job, "spec", "template")) !== true) return undefined;
  const [right, wrong] =
    kind === "Job"
      ? ["metadata.labels", "spec.template.metadata.labels"]
      : ["spec.jobTemplate.metadata.labels", "spec.jobTemplate.spec.template.metadata.labels"];
  return `the label ${ENABLED_LABEL} in ${wrong} has no effect: Curfew looks for it in ${right}`;
}

function get(value: unknown, ...path: string[]): unknown {
  return path.reduce((current, key) => (isObject(current) ? current[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
