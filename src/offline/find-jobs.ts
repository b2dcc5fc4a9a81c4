/**
 * Finds what Curfew patches in a manifest: Jobs, CronJobs and Pods, on their own or in a List. For
 * what makes Pods of its own, see pod-makers.ts.
 */
import { findObjects, nameOf, valueAt, type ObjectName } from "./find-objects.ts";
import { ownOptIn, type OwnOptIn } from "./opted-in.ts";

export interface FoundJob extends ObjectName {
  readonly kind: "Job" | "CronJob" | "Pod";
  /**
   * The Job, CronJob or Pod, of any shape, and its place in the manifest: a JSON Pointer (RFC
   * 6901), empty for the root.
   */
  readonly object: unknown;
  readonly pointer: string;
  /** What it says about itself; a CronJob by its `jobTemplate`. Undefined: nothing. */
  readonly says: OwnOptIn | undefined;
}

const API_VERSIONS = { Job: "batch/v1", CronJob: "batch/v1", Pod: "v1" } as const;

/** The Jobs, CronJobs and Pods in a manifest, in their order. Everything else is skipped. */
export function findJobs(manifest: unknown): FoundJob[] {
  return findObjects(manifest).flatMap(({ value, pointer }) => {
    const { kind, apiVersion } = value;
    if ((kind !== "Job" && kind !== "CronJob" && kind !== "Pod") || apiVersion !== API_VERSIONS[kind]) return [];
    const says = kind === "CronJob" ? ownOptIn("Job", valueAt(value, "spec", "jobTemplate")) : ownOptIn(kind, value);
    return [{ kind, ...nameOf(value), object: value, pointer, says }];
  });
}
