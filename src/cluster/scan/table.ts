/** Tables for people: aligned columns, and on a terminal not wider than it is. */
import { styleText } from "node:util";

export interface Column {
  readonly header: string;
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean;
}

/** Columns are never narrower than this. */
const NARROWEST = 10;

/**
 * A table's lines. If it's wider than `width`, the widest columns of text are cut until it fits;
 * `undefined` cuts nothing.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string[] {
  const headers = columns.map(({ header }) => header);
  const widths = columns.map((_, index) => Math.max(...[headers, ...rows].map((row) => row[index]?.length ?? 0)));
  if (width !== undefined) narrow(columns, widths, width);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => {
        const [size = 0, column] = [widths[index], columns[index]];
        const text = cell.length > size ? `${cell.slice(0, size - 1)}…` : cell;
        return column?.isNumber ? text.padStart(size) : text.padEnd(size);
      })
      .join("  ")
      .trimEnd();
  return [styleText("dim", line(headers)), ...rows.map(line)];
}

function narrow(columns: readonly Column[], widths: number[], width: number): void {
  const excess = (): number => widths.reduce((sum, each) => sum + each + 2, -2) - width;
  while (excess() > 0) {
    const texts = widths.map((each, index) => (columns[index]?.isNumber ? 0 : each));
    const widest = texts.indexOf(Math.max(...texts));
    const now = widths[widest] ?? 0;
    if (now <= NARROWEST) return;
    // Down to the next widest, so that all stay as wide as they can.
    const next = Math.max(NARROWEST, ...texts.filter((each) => each < now));
    widths[widest] = Math.max(now - excess(), Math.min(next, now - 1));
  }
}
