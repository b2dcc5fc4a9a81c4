/**
 * Cuts and inserts whole lines of YAML text. Offsets are in UTF-16 units, as in the parser's
 * ranges.
 */

export const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;
export const columnOf = (text: string, at: number): number => at - lineStart(text, at);
export const isIndent = (text: string, at: number): boolean => text.slice(lineStart(text, at), at).trim() === "";

/**
 * The start of the line of `at`, or of the first comment line right above it with the same
 * indentation.
 */
export function startWithComments(text: string, at: number): number {
  const start = lineStart(text, at);
  const above = start === 0 ? 0 : lineStart(text, start - 1);
  const line = text.slice(above, start);
  return start > 0 && /^ *#/.test(line) && line.indexOf("#") === at - start
    ? startWithComments(text, above + line.indexOf("#"))
    : start;
}

/**
 * The start of the line after `at`, or `at` itself if it already is the start of a line (after a
 * block scalar).
 */
export function endOfLine(text: string, at: number): number {
  if (text[at - 1] === "\n") return at;
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

/** The line end for new lines: that of the text's first line. */
export function lineEndOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** Inserts whole lines at `at`, the start of a line or the end of the text. */
export function insertLines(text: string, at: number, lines: string): string {
  const lineEnd = lineEndOf(text);
  const before = text.slice(0, at);
  const start = before === "" || before.endsWith("\n") ? before : before + lineEnd;
  return start + lines.replaceAll("\n", lineEnd) + text.slice(at);
}

/** Removes the lines from that of `from` to that of `to`. */
export function cutLines(text: string, from: number, to: number): string {
  return text.slice(0, lineStart(text, from)) + text.slice(endOfLine(text, to));
}

/**
 * Replaces a value by whole lines. A comment after the old value goes to the first new line, as
 * after the last one it could end up inside a script.
 */
export function replace(text: string, from: number, to: number, lines: string): string {
  const end = endOfLine(text, to);
  const comment = text.slice(to, end).trim();
  const [first = "", ...others] = lines.trimEnd().split("\n");
  const body = [comment === "" ? first : `${first} ${comment}`, ...others, ""].join(lineEndOf(text));
  return text.slice(0, from) + body + text.slice(end);
}
