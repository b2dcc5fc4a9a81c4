/** Where Jobs lie in a manifest: as themselves, in a CronJob, in a List. */
import { ENABLED_LABEL } from "../injection/names.ts";

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
}

/** An object of a manifest, as itself or as an item of a List, and where it lies: a JSON Pointer (RFC 6901). */
export interface FoundObject {
  readonly value: Readonly<Record<string, unknown>>;
  readonly pointer: string;
}

/** The objects in a manifest, in their order, whatever they are. */
export function findObjects(value: unknown, pointer = ""): FoundObject[] {
  if (!isObject(value)) return [];
  const { kind, items } = value;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [{ value, pointer }];
  return items.flatMap((item: unknown, index) => findObjects(item, `${pointer}/items/${index}`));
}

/** The Jobs and CronJobs of batch/v1 in a manifest, in their order. Everything else is nobody's business. */
export function findJobs(manifest: unknown): FoundJob[] {
  return findObjects(manifest).flatMap(({ value, pointer }) => {
    const { kind, apiVersion } = value;
    if (apiVersion !== "batch/v1" || (kind !== "Job" && kind !== "CronJob")) return [];
    const job = kind === "Job" ? value : valueAt(value, "spec", "jobTemplate");
    const name = valueAt(value, "metadata", "name") ?? valueAt(value, "metadata", "generateName");
    const namespace = valueAt(value, "metadata", "namespace");
    const label = valueAt(job, "metadata", "labels", ENABLED_LABEL) ?? undefined;
    return [
      {
        kind,
        name: typeof name === "string" ? name : "(without a name)",
        ...(typeof namespace === "string" ? { namespace } : {}),
        object: value,
        pointer,
        jobPointer: kind === "Job" ? pointer : `${pointer}/spec/jobTemplate`,
        label: label === undefined ? undefined : label === "true",
      },
    ];
  });
}

/** What lies at `path` in a value of whatever shape. */
export function valueAt(value: unknown, ...path: string[]): unknown {
  return path.reduce((current, key) => (isObject(current) ? current[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
