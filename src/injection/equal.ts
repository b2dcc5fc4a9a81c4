/** Deeper than any object of Kubernetes', and far from the end of the stack. */
const MAX_DEPTH = 200;

/** Whether two JSON values say the same to Kubernetes, which takes null for absent. What is too deep to tell is not equal. */
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
