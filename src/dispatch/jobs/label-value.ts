/** Makes any text fit a Kubernetes label: letters, digits, `-`, `_`, `.`, at most 63, beginning and ending with a letter or digit. */
export function toLabelValue(text: string): string | undefined {
  const value = text
    .replace(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 63)
    .replace(/[^A-Za-z0-9]+$/, "");
  return value === "" ? undefined : value;
}
