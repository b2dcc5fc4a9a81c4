/**
 * Compares JSON values as Kubernetes does. It's written by hand because node:util's
 * isDeepStrictEqual distinguishes null from an absent field, and because the planner imports
 * nothing from Node, so it also runs in a browser (docs/decisions/0016-kept-by-hand.md).
 */

/** Deeper than any Kubernetes object, and far from the end of the stack. */
const MAX_DEPTH = 200;

/**
 * Whether two JSON values mean the same to Kubernetes, where null means absent. Values that are
 * nested too deeply count as different. `except` is a top-level field to ignore.
 */
export function equal(one: unknown, other: unknown, except?: string): boolean {
  return equalFrom(0, one, other, except);
}

function equalFrom(depth: number, one: unknown, other: unknown, except: string | undefined): boolean {
  if (one === other) return true;
  if (one == null || other == null) return one == other;
  if (depth > MAX_DEPTH || typeof one !== "object" || typeof other !== "object") return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const left = one as Readonly<Record<string, unknown>>;
  const right = other as Readonly<Record<string, unknown>>;
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    if (key !== except && !equalFrom(depth + 1, left[key], right[key], undefined)) return false;
  }
  return true;
}

/**
 * Whether `whole` has all that `part` has. Of a list of objects, each must be part of one in the
 * other list, in any order. Other lists must be equal. `except` are top-level fields to ignore.
 */
export function includes(whole: unknown, part: unknown, ...except: readonly string[]): boolean {
  return includesFrom(0, whole, part, except);
}

function includesFrom(depth: number, whole: unknown, part: unknown, except: readonly string[]): boolean {
  if (part == null || whole === part) return true;
  if (depth > MAX_DEPTH || typeof whole !== "object" || whole === null || typeof part !== "object") return false;
  if (Array.isArray(part)) {
    if (!Array.isArray(whole)) return false;
    const ofObjects = part.every((item) => typeof item === "object" && item !== null);
    return ofObjects && part.length > 0
      ? part.every((item) => whole.some((candidate) => includesFrom(depth + 1, candidate, item, [])))
      : equal(whole, part);
  }
  const all = whole as Readonly<Record<string, unknown>>;
  return Object.entries(part).every(
    ([key, value]) => except.includes(key) || includesFrom(depth + 1, all[key], value, []),
  );
}
