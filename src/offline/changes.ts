/**
 * What a patch changes in a Job, in phrases. Found by comparison, so it doesn't depend on how the
 * patch does it.
 */
import { isDeepStrictEqual } from "node:util";
import jsonpatch from "fast-json-patch";
import type { PatchOperation } from "../injection/plan.ts";
import { applyPatch } from "./edit-yaml.ts";

interface Named {
  readonly name: string;
  readonly command?: unknown;
  readonly args?: unknown;
}

interface JobParts {
  readonly metadata?: { readonly labels?: object | null; readonly annotations?: object | null } | null;
  readonly spec: {
    readonly podFailurePolicy?: unknown;
    readonly template: {
      readonly spec: {
        readonly containers: readonly Named[];
        readonly initContainers?: readonly Named[] | null;
        readonly volumes?: readonly Named[] | null;
      };
    };
  };
}

/**
 * One phrase for each thing that `patch` changes in a Job; none for an empty patch. `pointer` is
 * the Job's place in the manifest, as a JSON Pointer.
 * @throws if the patch doesn't fit the manifest
 */
export function changesOf(manifest: unknown, patch: readonly PatchOperation[], pointer: string): string[] {
  if (patch.length === 0) return [];
  const before = jobAt(manifest, pointer);
  const after = jobAt(applyPatch(manifest, patch), pointer);
  const pod = { before: before.spec.template.spec, after: after.spec.template.spec };
  const wrapped = pod.after.containers.filter(({ name, command, args }) => {
    const old = pod.before.containers.find((container) => container.name === name);
    return old && !(isDeepStrictEqual(old.command, command) && isDeepStrictEqual(old.args, args));
  });
  const moved = added(pod.before.initContainers, pod.after.initContainers);
  const volumes = added(pod.before.volumes, pod.after.volumes);
  const labels = addedKeys(before.metadata?.labels, after.metadata?.labels);
  const annotations = addedKeys(before.metadata?.annotations, after.metadata?.annotations);
  return [
    ...(wrapped.length > 0 ? [`a shell wrapper around ${names(wrapped)}`] : []),
    ...(volumes.length > 0 ? [`the volume ${names(volumes)}, mounted in each wrapped container`] : []),
    ...(moved.length > 0 ? [`${names(moved)} moved to initContainers, with restartPolicy: Always`] : []),
    ...(isDeepStrictEqual(before.spec.podFailurePolicy, after.spec.podFailurePolicy)
      ? []
      : ["podFailurePolicy limited to the other containers' exit codes"]),
    ...(labels.length > 0 ? [`the label ${labels.join(", ")}`] : []),
    ...(annotations.length > 0 ? [`the annotation ${annotations.join(", ")}`] : []),
  ];
}

function jobAt(manifest: unknown, pointer: string): JobParts {
  return jsonpatch.getValueByPointer(manifest, pointer) as JobParts;
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
