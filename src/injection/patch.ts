/**
 * Minimal JSON Patches (RFC 6902), written by hand. They also create lists and maps that are
 * missing or null.
 */
import type { Metadata } from "./job.ts";
import type { PatchOperation } from "./plan.ts";

/** A name as one token of a JSON Pointer (RFC 6901). */
export function escapeToken(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Adds a member, or replaces it if it exists. */
export function add(path: string, value: unknown): PatchOperation {
  return { op: "add", path, value };
}

/** Appends to the list at `path`, or creates the list if it's missing. */
export function append(path: string, list: readonly unknown[] | null | undefined, value: unknown): PatchOperation {
  return list ? add(`${path}/-`, value) : add(path, [value]);
}

/**
 * Writes annotations into the metadata at `path`, without operations for those that have the value
 * already.
 */
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
