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

/** The fields that name an item of a list (k8s.io/api/core/v1, patchMergeKey). */
const MERGE_KEYS = ["name", "mountPath", "devicePath", "containerPort", "resourceName"] as const;

/**
 * Whether `whole` has all that `part` has. Of a list of objects, each must be part of the one with
 * the same name. Other lists must be equal. `except` are top-level fields to ignore.
 */
export function includes(whole: unknown, part: unknown, except: ReadonlySet<string> = NONE): boolean {
  return includesFrom(0, whole, part, except);
}

const NONE: ReadonlySet<string> = new Set();

function includesFrom(depth: number, whole: unknown, part: unknown, except: ReadonlySet<string>): boolean {
  if (part == null || whole === part) return true;
  if (depth > MAX_DEPTH || typeof whole !== "object" || whole === null || typeof part !== "object") return false;
  if (Array.isArray(part)) return Array.isArray(whole) && includesItems(depth, whole, part);
  const all = whole as Readonly<Record<string, unknown>>;
  return Object.entries(part).every(
    ([key, value]) => except.has(key) || includesFrom(depth + 1, all[key], value, NONE),
  );
}

function includesItems(depth: number, whole: readonly unknown[], part: readonly unknown[]): boolean {
  const byKey = new Map(whole.map((item) => [keyOf(item), item]));
  if (part.some((item) => keyOf(item) === undefined)) return equal(whole, part);
  return part.every((item) => includesFrom(depth + 1, byKey.get(keyOf(item)), item, NONE));
}

/** By the last field, as the `name` of a volumeMount is that of its volume. */
function keyOf(item: unknown): unknown {
  if (typeof item !== "object" || item === null) return undefined;
  const fields = item as Readonly<Record<string, unknown>>;
  const field = MERGE_KEYS.findLast((key) => fields[key] !== undefined);
  return field && fields[field];
}
