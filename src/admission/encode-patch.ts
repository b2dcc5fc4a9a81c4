/**
 * A patch as JSON in base64. Nearly all of it is the wrappers' scripts, whose bytes are always the
 * same, so they're encoded once. Base64 encodes groups of three bytes, so the scripts and the parts
 * between them are padded to whole groups with spaces, which JSON allows between its tokens. This
 * makes encoding four times as fast.
 */
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../injection/wrapper/scripts.generated.ts";
import type { PatchOperation } from "../injection/plan.ts";
import { asciiJson } from "./ascii-json.ts";

const ENCODED: ReadonlyMap<unknown, string> = new Map(
  [MAIN_SCRIPT, SIDECAR_SCRIPT].map((script) => [script, encodePadded(asciiJson(script))]),
);
/** Shorter strings can't be scripts, so they aren't looked up. */
const MIN_SCRIPT_LENGTH = Math.min(MAIN_SCRIPT.length, SIDECAR_SCRIPT.length);

/** Encodes a JSON Patch for the `patch` of an AdmissionReview's response. */
export function encodePatch(patch: readonly PatchOperation[]): string {
  let encoded = "";
  // What's still to be encoded: a text, then operations. Encoding few long texts is faster than
  // many short ones.
  let pending = "[";
  let operations: PatchOperation[] = [];
  const operationsJson = (): string => {
    const separator = pending !== "[" && operations.length > 0 ? "," : "";
    return separator + asciiJson(operations).slice("[".length);
  };
  for (const operation of patch) {
    const list: readonly unknown[] = operation.op === "add" && Array.isArray(operation.value) ? operation.value : [];
    const at = list.findIndex(isScript);
    const script = ENCODED.get(list[at]);
    if (operation.op !== "add" || script === undefined) {
      operations.push(operation);
      continue;
    }
    operations.push({ ...operation, value: list.slice(0, at) });
    pending += operationsJson().slice(0, -"]}]".length) + (at > 0 ? "," : "");
    encoded += encodePadded(pending) + script;
    pending = `${at < list.length - 1 ? "," : ""}${asciiJson(list.slice(at + 1)).slice("[".length)}}`;
    operations = [];
  }
  return encoded + btoa(pending + operationsJson());
}

function isScript(value: unknown): boolean {
  return typeof value === "string" && value.length >= MIN_SCRIPT_LENGTH && ENCODED.has(value);
}

/**
 * ASCII JSON in base64, padded with spaces to a multiple of three bytes so that it ends without
 * `=`.
 */
function encodePadded(text: string): string {
  return btoa(text.padEnd(Math.ceil(text.length / 3) * 3));
}
