/**
 * What a patch changes in a Job or Pod, in phrases. Found by comparison, so it doesn't depend on how
 * the patch does it.
 */
import { isDeepStrictEqual } from "node:util";
import type { PatchOperation } from "../injection/plan.ts";
import { applyPatch } from "./edit-yaml.ts";
import type { FoundJob } from "./find-jobs.ts";
import { valueAt } from "./find-objects.ts";

interface Named {
  readonly name: string;
  readonly command?: unknown;
  readonly args?: unknown;
}

interface Parts {
  readonly metadata?: { readonly labels?: object | null; readonly annotations?: object | null } | null | undefined;
  readonly podFailurePolicy?: unknown;
  readonly spec: {
    readonly containers: readonly Named[];
    readonly initContainers?: readonly Named[] | null;
    readonly volumes?: readonly Named[] | null;
  };
}

/**
 * One phrase for each thing that `patch` changes in a Job, CronJob or Pod; none for an empty patch.
 * @throws if the patch doesn't fit the object
 */
export function changesOf(
  { kind, object }: Pick<FoundJob, "kind" | "object">,
  patch: readonly PatchOperation[],
): string[] {
  if (patch.length === 0) return [];
  const before = partsOf(kind, object);
  const after = partsOf(kind, applyPatch(object, patch));
  const wrapped = after.spec.containers.filter(({ name, command, args }) => {
    const old = before.spec.containers.find((container) => container.name === name);
    return old && !(isDeepStrictEqual(old.command, command) && isDeepStrictEqual(old.args, args));
  });
  const moved = added(before.spec.initContainers, after.spec.initContainers);
  const volumes = added(before.spec.volumes, after.spec.volumes);
  const labels = addedKeys(before.metadata?.labels, after.metadata?.labels);
  const annotations = addedKeys(before.metadata?.annotations, after.metadata?.annotations);
  return [
    ...(wrapped.length > 0 ? [`a shell wrapper around ${names(wrapped)}`] : []),
    ...(volumes.length > 0 ? [`the volume ${names(volumes)}, mounted in each wrapped container`] : []),
    ...(moved.length > 0 ? [`${names(moved)} moved to initContainers, with restartPolicy: Always`] : []),
    ...(isDeepStrictEqual(before.podFailurePolicy, after.podFailurePolicy)
      ? []
      : ["podFailurePolicy limited to the other containers' exit codes"]),
    ...(labels.length > 0 ? [`the label ${labels.join(", ")}`] : []),
    ...(annotations.length > 0 ? [`the annotation ${annotations.join(", ")}`] : []),
  ];
}

/** A plan for it exists, so it has this shape. */
function partsOf(kind: FoundJob["kind"], object: unknown): Parts {
  if (kind === "Pod") return object as Parts;
  const job = kind === "Job" ? object : valueAt(object, "spec", "jobTemplate");
  return {
    metadata: valueAt(job, "metadata") as Parts["metadata"],
    podFailurePolicy: valueAt(job, "spec", "podFailurePolicy"),
    spec: valueAt(job, "spec", "template", "spec") as Parts["spec"],
  };
}

function added(before: readonly Named[] | null | undefined, after: readonly Named[] | null | undefined): Named[] {
  const known = new Set((before ?? []).map(({ name }) => name));
  return (after ?? []).filter(({ name }) => !known.has(name));
}

function addedKeys(before: object | null | undefined, after: object | null | undefined): string[] {
  return Object.keys(after ?? {}).filter((key) => !Object.hasOwn(before ?? {}, key));
}

function names(list: readonly Named[]): string {
  return list.map(({ name }) => name).join(", ");
}
