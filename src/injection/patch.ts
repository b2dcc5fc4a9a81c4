/** Minimal JSON Patches (RFC 6902) by hand: `add` also replaces a member, and creates what is missing or null on the way. */
import { INJECTED_ANNOTATION, type PatchOperation } from "./plan.ts";
import type { Job, Metadata } from "./job.ts";

/** A name as one token of a JSON Pointer (RFC 6901). */
export function escapeToken(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

const INJECTED_TOKEN = escapeToken(INJECTED_ANNOTATION);

export function add(path: string, value: unknown): PatchOperation {
  return { op: "add", path, value };
}

/** Appends to the list at `path`, which is made where it is missing. */
export function append(path: string, list: readonly unknown[] | null | undefined, value: unknown): PatchOperation {
  return list ? add(`${path}/-`, value) : add(path, [value]);
}

/** Marks the Job and its Pod template with what Curfew did; no operation where they say so already. */
export function markInjected(base: string, job: Job, value: "trap" | "native" | "none"): readonly PatchOperation[] {
  return [
    ...annotate(`${base}/metadata`, job.metadata, value),
    ...annotate(`${base}/spec/template/metadata`, job.spec.template.metadata, value),
  ];
}

/** Writes the marker into the metadata at `path`. */
export function annotate(
  path: string,
  metadata: Metadata | null | undefined,
  value: string,
): readonly PatchOperation[] {
  if (!metadata) return [add(path, { annotations: { [INJECTED_ANNOTATION]: value } })];
  if (!metadata.annotations) return [add(`${path}/annotations`, { [INJECTED_ANNOTATION]: value })];
  if (metadata.annotations[INJECTED_ANNOTATION] === value) return [];
  return [add(`${path}/annotations/${INJECTED_TOKEN}`, value)];
}
