// The package's named exports are only for bundlers: Node reads the CommonJS form.
import jsonpatch, { type JsonPatchError, type Operation } from "fast-json-patch";
import type { PatchOperation } from "../../../src/injection/plan.ts";

const { applyPatch, deepClone, validate } = jsonpatch;

/**
 * The object with the patch applied, as the API server does it.
 * @throws if the patch isn't valid for the object (RFC 6902).
 */
export function applied(object: unknown, patch: readonly PatchOperation[]): unknown {
  const operations = deepClone(patch) as Operation[];
  const problem = validate(operations, deepClone(object)) as JsonPatchError | undefined;
  if (problem) throw new Error(`The patch is not valid: ${problem.message}`);
  return applyPatch(deepClone(object), operations, true).newDocument;
}
