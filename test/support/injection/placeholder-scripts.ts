import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/wrapper/scripts.generated.ts";

const placeholders = new Map([
  [MAIN_SCRIPT, "<main.sh>"],
  [SIDECAR_SCRIPT, "<sidecar.sh>"],
]);
const scripts = new Map([...placeholders].map(([script, placeholder]) => [placeholder, script]));

/**
 * Replaces the wrappers' scripts with `<main.sh>` and `<sidecar.sh>`, so people can read the
 * object, and changes to a script don't show.
 */
export function abridge(object: unknown): unknown {
  return replaceStrings(object, placeholders);
}

/** The opposite of `abridge`. */
export function unabridge(object: unknown): unknown {
  return replaceStrings(object, scripts);
}

function replaceStrings(value: unknown, replacements: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return replacements.get(value) ?? value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => replaceStrings(element, replacements));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replaceStrings(member, replacements)]));
}
