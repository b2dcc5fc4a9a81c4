/**
 * A soak program runs for minutes. It reports what it saw in a table for people, and whether
 * anything was wrong.
 */

export interface SoakOptions {
  /** A fraction of the usual time or inputs. */
  readonly short: boolean;
  /** More than usual, if more minutes find more. */
  readonly long: boolean;
  /** How many minutes, for a program that runs as long as it's told to. Undefined: its own choice. */
  readonly minutes: number | undefined;
  /** The seed for random inputs. Undefined: a new one each time. */
  readonly seed: number | undefined;
  readonly note: (text: string) => void;
}

export interface SoakProgram {
  readonly summary: string;
  readonly run: (options: SoakOptions) => Promise<Table>;
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly failed: boolean;
}

/** Formats a table as Markdown, so that it can go into the docs unchanged. */
export function formatTable({ columns, rows }: Table): string {
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const [head = "", ...body] = all.map((cells) => {
    return `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  });
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}
