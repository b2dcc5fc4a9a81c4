/** Whether two JSON values say the same to Kubernetes, which takes null for absent. */
export function equal(one: unknown, other: unknown, except?: string): boolean {
  if (one === other) return true;
  if (one == null || other == null) return one == other;
  if (typeof one !== "object" || typeof other !== "object" || Array.isArray(one) !== Array.isArray(other)) return false;
  const left = one as Readonly<Record<string, unknown>>;
  const right = other as Readonly<Record<string, unknown>>;
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    if (key !== except && !equal(left[key], right[key])) return false;
  }
  return true;
}
