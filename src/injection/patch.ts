/** Minimal JSON Patches (RFC 6902) by hand: `add` also replaces a member, and creates what is missing or null on the way. */
import type { Metadata } from "./job.ts";
import type { PatchOperation } from "./plan.ts";

/** A name as one token of a JSON Pointer (RFC 6901). */
export function escapeToken(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

export function add(path: string, value: unknown): PatchOperation {
  return { op: "add", path, value };
}

/** Appends to the list at `path`, which is made where it is missing. */
export function append(path: string, list: readonly unknown[] | null | undefined, value: unknown): PatchOperation {
  return list ? add(`${path}/-`, value) : add(path, [value]);
}

/** Writes annotations into the metadata at `path`; no operation for those that say so already. */
export function annotate(
  path: string,
  metadata: Metadata | null | undefined,
  annotations: Readonly<Record<string, string>>,
): readonly PatchOperation[] {
  if (!metadata) return [add(path, { annotations })];
  const present = metadata.annotations;
  if (!present) return [add(`${path}/annotations`, annotations)];
  return Object.entries(annotations)
    .filter(([key, value]) => present[key] !== value)
    .map(([key, value]) => add(`${path}/annotations/${escapeToken(key)}`, value));
}
