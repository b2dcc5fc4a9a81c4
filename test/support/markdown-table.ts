/** The rows of the first table under a heading of a Markdown text, as texts of their cells; empty where there is none. */
export function rowsUnder(markdown: string, heading: string): string[][] {
  const section = new RegExp(`^#+ ${heading}\n((?:(?!^#).*\n)*)`, "m").exec(markdown)?.[1] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}
