/** What a patch changes in the text of a manifest, line by line. */
import { structuredPatch } from "diff";
import type { PatchOperation } from "../injection/plan.ts";
import { applyPatch, editYaml } from "./edit-yaml.ts";
import type { Manifest } from "./manifests.ts";

export interface Hunk {
  /** Its first line's number in the document, from 1. */
  readonly line: number;
  /** Each starts with `+`, `-` or a space. */
  readonly lines: readonly string[];
}

/**
 * What `patch` changes in the manifest's text. JSON is formatted first. The wrappers' scripts
 * become one line each, as they're the same in every Job and much longer than the rest.
 * @throws if the patch doesn't fit the manifest
 */
export function diffManifest(manifest: Manifest, patch: readonly PatchOperation[]): Hunk[] {
  const short = patch.map((operation) =>
    "value" in operation ? { ...operation, value: abridge(operation.value) } : operation,
  );
  const [before, after] =
    manifest.format === "yaml"
      ? [manifest.text, editYaml(manifest.text, short).text]
      : [manifest.value, applyPatch(manifest.value, short)].map((value) => `${JSON.stringify(value, null, 2)}\n`);
  const { hunks } = structuredPatch("", "", before ?? "", after ?? "", "", "", { context: 2, stripTrailingCr: true });
  return hunks.map(({ oldStart, lines }) => ({ line: oldStart, lines }));
}

/**
 * A copy of `value` with the script of every wrapper in it (src/injection/wrapper/wrapper.ts)
 * replaced by a placeholder.
 */
function abridge(value: unknown): unknown {
  if (Array.isArray(value)) {
    const [, option, script, name] = value as unknown[];
    return value.length === 4 && option === "-c" && name === "curfew" && typeof script === "string"
      ? value.with(2, `<wrapper: ${script.trimEnd().split("\n").length} lines of shell, not shown>`)
      : value.map(abridge);
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, abridge(inner)]));
}
