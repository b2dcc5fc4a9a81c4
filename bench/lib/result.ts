/**
 * What a bench reports: rows of figures, most with a ratio to a baseline of the same run, and their
 * targets.
 */

/** The median, the lowest and the highest of several rounds. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Row = MeasuredRow | SkippedRow;

/** What could not be measured here, and why. */
export interface SkippedRow {
  readonly what: string;
  readonly skipped: string;
}

export interface MeasuredRow {
  readonly what: string;
  readonly unit: "req/s" | "ms" | "MiB" | "Jobs/s" | "Jobs" | "calls" | "times";
  readonly curfew: Figure;
  readonly baseline?: { readonly what: string; readonly figure: Figure };
  /**
   * Curfew's figure over the baseline's. It's the median of the rounds' own ratios, because what
   * disturbs a round disturbs both.
   */
  readonly ratio?: Figure;
  /** The target, for the ratio if there is one. If it's missed, the run fails. */
  readonly reach?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Series {
  readonly what: string;
  readonly values: readonly number[];
}

export interface BenchOptions {
  /**
   * Fewer and shorter rounds, for CI, with targets so loose that a busy machine doesn't miss them.
   */
  readonly short: boolean;
  /** More of what takes minutes. */
  readonly long: boolean;
  /** The folder to write plots to, if any. */
  readonly plots: string | undefined;
  readonly note: (text: string) => void;
}

export interface Bench {
  readonly summary: string;
  readonly run: (options: BenchOptions) => Promise<readonly Row[]>;
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** A row of two series that were measured in turn. */
export function compare(
  row: Pick<MeasuredRow, "what" | "unit" | "reach">,
  curfew: readonly number[],
  baseline: Series,
): MeasuredRow {
  return {
    ...row,
    curfew: figureOf(curfew),
    baseline: { what: baseline.what, figure: figureOf(baseline.values) },
    ratio: figureOf(curfew.map((value, round) => value / (baseline.values[round] ?? Number.NaN))),
  };
}

/** Whether the row reached its target. */
export function isReached(row: Row): boolean {
  if ("skipped" in row || row.reach === undefined) return true;
  const { curfew, ratio, reach } = row;
  const { median } = ratio ?? curfew;
  return "atLeast" in reach ? median >= reach.atLeast : median <= reach.atMost;
}

export function formatRows(rows: readonly Row[]): string {
  const table = rows.map((row) =>
    "skipped" in row
      ? [row.what, `skipped: ${row.skipped}`]
      : [
          row.what,
          formatFigure(row.curfew, row.unit),
          row.baseline ? `${row.baseline.what} ${formatFigure(row.baseline.figure, row.unit)}` : "",
          row.ratio ? `ratio ${round(row.ratio.median)} (${round(row.ratio.min)} to ${round(row.ratio.max)})` : "",
          formatReach(row),
        ],
  );
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  return table
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function formatFigure({ median, min, max }: Figure, unit: string): string {
  return min === max ? `${round(median)} ${unit}` : `${round(median)} ${unit} (${round(min)} to ${round(max)})`;
}

function formatReach(row: MeasuredRow): string {
  if (row.reach === undefined) return "";
  const wanted = "atLeast" in row.reach ? `at least ${round(row.reach.atLeast)}` : `at most ${round(row.reach.atMost)}`;
  return `${isReached(row) ? "reached" : "MISSED"}: ${wanted}`;
}

/** Three digits, whatever the size. */
function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}
