/**
 * Makes any text fit a Kubernetes label: at most 63 letters, digits, `-`, `_` and `.`, with a
 * letter or digit at both ends. Undefined if nothing is left of it.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
 */
export function toLabelValue(text: string): string | undefined {
  const value = text
    .replace(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 63)
    .replace(/[^A-Za-z0-9]+$/, "");
  return value === "" ? undefined : value;
}
