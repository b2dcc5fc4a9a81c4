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

/** Labels and annotations to write. */
export interface Marks {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Writes labels and annotations into the metadata at `path`, without operations for those that have
 * the value already.
 */
export function mark(path: string, metadata: Metadata | null | undefined, marks: Marks): readonly PatchOperation[] {
  if (!metadata) return [add(path, marks)];
  return (["labels", "annotations"] as const).flatMap((field) => {
    const wanted = marks[field];
    const present = metadata[field];
    if (!wanted) return [];
    if (!present) return [add(`${path}/${field}`, wanted)];
    return Object.entries(wanted)
      .filter(([key, value]) => present[key] !== value)
      .map(([key, value]) => add(`${path}/${field}/${escapeToken(key)}`, value));
  });
}
