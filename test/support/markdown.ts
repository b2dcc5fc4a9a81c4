/** What tests read of a Markdown text. */

/** A heading, and the text below it up to the next heading of any level. */
export interface Section {
  readonly level: number;
  readonly heading: string;
  readonly text: string;
}

/** All sections in order. Lines in fenced code that look like headings don't count. */
export function sectionsOf(markdown: string): readonly Section[] {
  const sections: { level: number; heading: string; lines: string[] }[] = [];
  let inCode = false;
  for (const line of markdown.split("\n")) {
    if (/^ *```/.test(line)) inCode = !inCode;
    const [, hashes, heading] = (!inCode && /^(#+) (.+)$/.exec(line)) || [];
    if (hashes !== undefined && heading !== undefined) sections.push({ level: hashes.length, heading, lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections.map(({ lines, ...section }) => ({ ...section, text: lines.join("\n") }));
}

/** The sections below a heading, of all deeper levels. */
export function sectionsBelow(markdown: string, heading: string): readonly Section[] {
  const sections = sectionsOf(markdown);
  const at = sections.findIndex((section) => section.heading === heading);
  const parent = sections[at];
  if (parent === undefined) throw new Error(`there is no heading ${heading}`);
  const rest = sections.slice(at + 1);
  const end = rest.findIndex(({ level }) => level <= parent.level);
  return end < 0 ? rest : rest.slice(0, end);
}

/** The text right below a heading. */
export function textUnder(markdown: string, heading: string): string {
  return sectionsOf(markdown).find((section) => section.heading === heading)?.text ?? "";
}

/** Paragraphs, each as one line, since it doesn't matter where a text is wrapped. */
export function paragraphsOf(text: string): readonly string[] {
  return text
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim().replaceAll(/\s*\n\s*/g, " "))
    .filter((paragraph) => paragraph !== "");
}

/** The list items in a text, each as one line, without their dashes. Nested items count as text. */
export function itemsOf(text: string): readonly string[] {
  return [...text.matchAll(/^- ((?:.|\n(?! *\n|- ))*)/gm)].map(([, item = ""]) =>
    item.trim().replaceAll(/\s*\n\s*/g, " "),
  );
}

/** What's in backquotes. */
export function codeIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

/**
 * The rows of the first table under a heading, as the texts of their cells. Empty if there's no
 * table.
 */
export function rowsUnder(markdown: string, heading: string): string[][] {
  const rows = textUnder(markdown, heading)
    .split("\n")
    .filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}
