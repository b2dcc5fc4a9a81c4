/** Draws runs as bars over time, one lane for each container. Pure: runs in, lines out. */
import { styleText } from "node:util";
import { CUT_OFF_MS, type Lane, type Run, type Variant } from "./run.ts";

const LABELS: Readonly<Record<Variant, readonly [string, string]>> = {
  plain: ["plain", ""],
  hack: ["the hack", "of 2020"],
  curfew: ["Curfew", ""],
  build: ["Curfew", ""],
};
const LABEL_WIDTH = 18;

/**
 * The runs below each other, with a time axis above. `bar` is the width of the whole time, in
 * columns.
 */
export function timeline(runs: readonly Run[], bar: number): string[] {
  return [axis(bar), ...runs.flatMap((run) => ["", ...lanes(run, bar)])];
}

function axis(bar: number): string {
  const marks = [0, 2, 4, 6].map((second) => `${second} s`.padEnd(bar / 4)).join("");
  return styleText("dim", `${" ".repeat(LABEL_WIDTH)}${marks}8 s`);
}

function lanes(run: Run, bar: number): string[] {
  return run.lanes().map((lane, index) => {
    const label = `  ${(LABELS[run.variant][index] ?? "").padEnd(10)}${lane.container.padEnd(LABEL_WIDTH - 12)}`;
    const end = Math.min(lane.end?.at ?? run.elapsed(), CUT_OFF_MS);
    const cells = (from: number, to: number): number =>
      Math.round((to / CUT_OFF_MS) * bar) - Math.round((from / CUT_OFF_MS) * bar);
    const term = lane.termAt ?? end;
    const colour = lane.container === "agent" ? "blue" : "yellow";
    const drawn = styleText(colour, "█".repeat(cells(0, term)) + "▒".repeat(Math.max(cells(term, end), 0)));
    return `${styleText("bold", label)}${drawn} ${lane.end ? note(run, lane) : ""}`;
  });
}

function note(run: Run, { container, end, termAt, stopped }: Lane): string {
  if (container === "agent") return run.ending === "kill" ? styleText("red", "SIGKILL") : `exit ${end?.code ?? ""}`;
  if (run.cutOffAt() !== undefined) return styleText("red", "▶ hangs, cut off");
  const after = (at: number): string => duration(at - (run.mainEndedAt() ?? at));
  if (termAt === undefined) return styleText("yellow", `killed without a shutdown, ${after(end?.at ?? 0)} after agent`);
  return styleText(
    "green",
    `TERM ${after(termAt)} after agent; ${stopped ? "shut down" : "killed"}, exit ${end?.code ?? ""}`,
  );
}

/** The result of a run, for the table at the end. */
export function outcome(run: Run): string {
  const sidecar = run.lanes()[1];
  const mainEndedAt = run.mainEndedAt();
  if (run.cutOffAt() !== undefined || mainEndedAt === undefined || !sidecar?.end) return "never ends";
  return duration((sidecar.termAt ?? sidecar.end.at) - mainEndedAt);
}

/** `3 ms`, `3.02 s`. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.max(Math.round(ms), 1)} ms`;
}
