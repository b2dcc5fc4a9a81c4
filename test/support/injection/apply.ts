/** What an API server makes of a manifest that is applied again, as far as it matters to Jobs. */

type JsonObject = Record<string, unknown>;

/** Lists that are merged item by item, with the field that names an item (k8s.io/api/core/v1, patchMergeKey); others are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  volumes: "name",
  env: "name",
  volumeMounts: "mountPath",
};

/**
 * `kubectl apply` of a manifest that was applied before and has lost no field since: its fields replace the live ones, all others stay.
 * A manifest's null asks for absence.
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

/** Live items stay in their order; each that only the manifest has comes behind its predecessor there. */
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

/** The object without members that are null, which Kubernetes takes for absent. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const present = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(present.map(([field, member]) => [field, withoutNulls(member)]));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
