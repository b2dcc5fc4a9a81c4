/** A bench whose result is no comparison of figures: a table for people, and whether something is wrong. */
import type { BenchOptions } from "./result.ts";

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly failed: boolean;
}

export interface TableBench {
  readonly summary: string;
  readonly table: (options: BenchOptions & { readonly seed: number | undefined }) => Promise<Table>;
}

/** As Markdown, so that it can go into the documents as it is. */
export function formatTable({ columns, rows }: Table): string {
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const [head = "", ...body] = all.map((cells) => {
    return `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  });
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}
