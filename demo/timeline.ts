/** Draws runs as bars over time, one lane for each container. Pure: runs in, lines out. */
import { styleText } from "node:util";
import { CUT_OFF_MS, type Lane, type Run, type Variant } from "./run.ts";

export const LABELS: Readonly<Record<Variant, readonly [string, string]>> = {
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
    const caption = captionOf(run, lane);
    return `${styleText("bold", label)}${drawn} ${caption ? styled(caption) : ""}`;
  });
}

function styled({ text, tone }: Caption): string {
  return tone === "plain" ? text : styleText(TONES[tone], text);
}

/** What's said next to a lane, and whether that's as it should be. Undefined: it hasn't ended yet. */
export interface Caption {
  readonly text: string;
  readonly tone: "plain" | "good" | "poor" | "bad";
}

const TONES = { good: "green", poor: "yellow", bad: "red" } as const;

export function captionOf(run: Run, { container, end, termAt, stopped }: Lane): Caption | undefined {
  if (!end) return undefined;
  if (container === "agent")
    return run.ending === "kill" ? { text: "SIGKILL", tone: "bad" } : { text: `exit ${end.code}`, tone: "plain" };
  if (run.cutOffAt() !== undefined) return { text: "▶ hangs, cut off", tone: "bad" };
  const after = (at: number): string => duration(at - (run.mainEndedAt() ?? at));
  if (termAt === undefined) return { text: `killed without a shutdown, ${after(end.at)} after agent`, tone: "poor" };
  const how = stopped ? "shut down" : "killed";
  return { text: `TERM ${after(termAt)} after agent; ${how}, exit ${end.code}`, tone: "good" };
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
