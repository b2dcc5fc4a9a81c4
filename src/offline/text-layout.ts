/** Lays text out for a terminal. */
import { stripVTControlCharacters } from "node:util";

/**
 * Lines of at most `width` columns, broken at spaces. Styles don't count, as long as they don't
 * span a break.
 */
export function fold(text: string, width: number, indent = 2): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && visibleLength(line) + 1 + visibleLength(word) > width - indent) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line].map((each) => " ".repeat(indent) + each);
}

/** Blocks of lines as text, with an empty line between them. Empty blocks are left out. */
export function joinBlocks(blocks: readonly (readonly string[])[]): string {
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
