/** How an API server applies a manifest again, as far as it matters to Jobs. */

type JsonObject = Record<string, unknown>;

/**
 * Lists that are merged item by item, with the field that names an item (k8s.io/api/core/v1,
 * patchMergeKey). Other lists are replaced.
 */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  volumes: "name",
  env: "name",
  volumeMounts: "mountPath",
};

/**
 * `kubectl apply` of a manifest that was applied before and hasn't lost a field since. Its fields
 * replace the live ones, and all others stay. A null in the manifest means that the field should be
 * absent.
 */
export function applyAgain(live: unknown, manifest: unknown): unknown {
  if (!isObject(live) || !isObject(manifest)) return manifest;
  const merged: JsonObject = { ...live };
  for (const [field, value] of Object.entries(manifest)) {
    const mergeKey = MERGE_KEYS[field];
    if (value === null) continue;
    merged[field] =
      mergeKey !== undefined && Array.isArray(live[field]) && Array.isArray(value)
        ? mergeLists(live[field] as JsonObject[], value as JsonObject[], mergeKey)
        : applyAgain(live[field], value);
  }
  return merged;
}

/**
 * Live items keep their order. An item that only the manifest has comes after its predecessor
 * there.
 */
function mergeLists(live: readonly JsonObject[], manifest: readonly JsonObject[], key: string): JsonObject[] {
  const merged = live.map(
    (item) => applyAgain(item, manifest.find((other) => other[key] === item[key]) ?? {}) as JsonObject,
  );
  for (const [at, item] of manifest.entries()) {
    if (merged.some((other) => other[key] === item[key])) continue;
    const before = merged.findIndex((other) => other[key] === manifest[at - 1]?.[key]);
    merged.splice(before + 1, 0, item);
  }
  return merged;
}

/** The object without fields that are null, since Kubernetes treats those as absent. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const present = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(present.map(([field, member]) => [field, withoutNulls(member)]));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
