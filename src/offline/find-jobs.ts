/** Finds the Jobs in a manifest: on their own, in a CronJob, or in a List. */
import { ENABLED_KEY } from "../injection/names.ts";

export interface FoundJob {
  readonly kind: "Job" | "CronJob";
  readonly name: string;
  readonly namespace?: string;
  /**
   * The Job or CronJob, of any shape, and its place in the manifest: a JSON Pointer (RFC 6901),
   * empty for the root.
   */
  readonly object: unknown;
  readonly pointer: string;
  /**
   * JSON Pointer of what's shaped like a Job: the Job itself, or a CronJob's `spec.jobTemplate`.
   */
  readonly jobPointer: string;
  /** Whether the label opts it in or out. Undefined: there's no label. */
  readonly label: boolean | undefined;
}

/** An object of a manifest, on its own or in a List, and its place: a JSON Pointer (RFC 6901). */
export interface FoundObject {
  readonly value: Readonly<Record<string, unknown>>;
  readonly pointer: string;
}

/** All objects in a manifest, in their order, of any kind. */
export function findObjects(value: unknown, pointer = ""): FoundObject[] {
  if (!isObject(value)) return [];
  const { kind, items } = value;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [{ value, pointer }];
  return items.flatMap((item: unknown, index) => findObjects(item, `${pointer}/items/${index}`));
}

/** The Jobs and CronJobs of batch/v1 in a manifest, in their order. Everything else is skipped. */
export function findJobs(manifest: unknown): FoundJob[] {
  return findObjects(manifest).flatMap(({ value, pointer }) => {
    const { kind, apiVersion } = value;
    if (apiVersion !== "batch/v1" || (kind !== "Job" && kind !== "CronJob")) return [];
    const job = kind === "Job" ? value : valueAt(value, "spec", "jobTemplate");
    const name = valueAt(value, "metadata", "name") ?? valueAt(value, "metadata", "generateName");
    const namespace = valueAt(value, "metadata", "namespace");
    const label = valueAt(job, "metadata", "labels", ENABLED_KEY) ?? undefined;
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

/** What's at `path` in a value of any shape. Undefined: there's nothing. */
export function valueAt(value: unknown, ...path: string[]): unknown {
  return path.reduce((current, key) => (isObject(current) ? current[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
