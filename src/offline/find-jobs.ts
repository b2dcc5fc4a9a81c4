/** Where Jobs lie in a manifest: as themselves, in a CronJob, in a List. */
import { ENABLED_LABEL } from "../injection/plan.ts";

export interface FoundJob {
  readonly kind: "Job" | "CronJob";
  readonly name: string;
  readonly namespace?: string;
  /** JSON Pointer (RFC 6901) of `job` in the manifest; empty where the manifest is the Job. */
  readonly pointer: string;
  /** Shaped like a Job as far as it has the fields of one: a Job, or a CronJob's `spec.jobTemplate`. */
  readonly job: unknown;
  /** A sentence where the label stands where it has no effect. */
  readonly misplacedLabel?: string;
}

/** The Jobs of batch/v1 in a manifest, in their order. Everything else is nobody's business. */
export function findJobs(value: unknown, pointer = ""): FoundJob[] {
  if (!isObject(value)) return [];
  const { kind, apiVersion, items } = value;
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    return items.flatMap((item: unknown, index) => findJobs(item, `${pointer}/items/${index}`));
  }
  if (apiVersion !== "batch/v1") return [];
  if (kind === "Job") return [found(value, "Job", value, pointer)];
  const jobTemplate = get(value, "spec", "jobTemplate");
  if (kind !== "CronJob" || !isObject(jobTemplate)) return [];
  return [found(value, "CronJob", jobTemplate, `${pointer}/spec/jobTemplate`)];
}

/** Whether the label opts this Job in (true) or out (false); undefined where it does not say. */
export function labelOf(job: unknown): boolean | undefined {
  const label = get(job, "metadata", "labels", ENABLED_LABEL);
  return label === undefined ? undefined : label === "true";
}

function found(owner: object, kind: FoundJob["kind"], job: object, pointer: string): FoundJob {
  const name = get(owner, "metadata", "name") ?? get(owner, "metadata", "generateName");
  const namespace = get(owner, "metadata", "namespace");
  const misplacedLabel = labelOf(job) === undefined ? misplaced(owner, kind, job) : undefined;
  return {
    kind,
    name: typeof name === "string" ? name : "(without a name)",
    ...(typeof namespace === "string" ? { namespace } : {}),
    pointer,
    job,
    ...(misplacedLabel === undefined ? {} : { misplacedLabel }),
  };
}

function misplaced(owner: object, kind: FoundJob["kind"], job: object): string | undefined {
  const right = kind === "Job" ? "metadata.labels" : "spec.jobTemplate.metadata.labels";
  const template = kind === "Job" ? "spec.template.metadata" : "spec.jobTemplate.spec.template.metadata";
  const labelled = [
    kind === "CronJob" && labelOf(owner) === true ? "metadata.labels" : undefined,
    labelOf(get(job, "spec", "template")) === true ? `${template}.labels` : undefined,
  ].find((place) => place !== undefined);
  return labelled && `the label ${ENABLED_LABEL} in ${labelled} has no effect: Curfew looks for it in ${right}`;
}

function get(value: unknown, ...path: string[]): unknown {
  return path.reduce((current, key) => (isObject(current) ? current[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
