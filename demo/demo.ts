/**
 * The demo: the same Job in three variants, each with two ways for main to end, and once more from
 * a Buildkite webhook. All run at once, and a timeline shows what was measured.
 */
import { styleText } from "node:util";
import { isolation } from "../sim/pods/container.ts";
import type { Build } from "./build.ts";
import { startCluster } from "./cluster.ts";
import { picture, type Section } from "./picture.ts";
import { startRun, type Ending, type Run, type Variant } from "./run.ts";
import { duration, outcome, timeline } from "./timeline.ts";

const VARIANTS: readonly Variant[] = ["plain", "hack", "curfew"];
const ENDINGS: readonly Ending[] = ["exit", "kill"];
const TITLES: Readonly<Record<Ending, string>> = {
  exit: "Main exits by itself after two seconds",
  kill: "Main is killed, as if it ran out of memory",
};
const BUILD_TITLE = "From a Buildkite webhook";
const FRAME_MS = 100;

export interface Screen {
  readonly write: (text: string) => unknown;
  /** Whether it's a terminal, where lines can be drawn over. */
  readonly live: boolean;
  readonly columns: number;
}

/**
 * Runs the demo, or stops when `signal` aborts. It leaves no process and no file behind. Once all
 * runs have ended, `draw` gets the chart as an SVG. Resolves with whether they ended as the demo
 * claims.
 */
export async function runDemo(
  screen: Screen,
  signal: AbortSignal,
  draw?: (svg: string) => Promise<void>,
): Promise<boolean> {
  const cluster = await startCluster();
  const runs: Run[] = [];
  try {
    const began = performance.now();
    const pairs = ENDINGS.flatMap((ending) => VARIANTS.map((variant) => ({ ending, variant })));
    for (const { ending, variant } of pairs) runs.push(await startRun(cluster, variant, ending));
    const ms = performance.now() - began;
    runs.push(await startRun(cluster, "build", "exit"));
    screen.write(introduction(ms));
    await watch(runs, screen, signal);
    if (!signal.aborted) {
      screen.write(summary(runs));
      await draw?.(picture(sectionsOf(runs)));
    }
    return runs.every(asPromised);
  } finally {
    for (const run of runs) run.remove();
    await cluster.close();
  }
}

function introduction(ms: number): string {
  const where = isolation.kind === "none" ? "" : " in namespaces";
  return `
A Job with two containers: a Buildkite agent, and docker:dind next to it. It took
${duration(ms)} to create six such Jobs through a small API server, which calls
Curfew's admission server over TLS. Their containers are local processes${where}.
Scripts stand in for the agent and for dockerd, which takes 300 ms (▒) to stop.
A seventh Job comes from a signed Buildkite webhook, through Curfew's dispatcher.
`;
}

/** On a terminal, draws each frame over the last one. Otherwise, draws once, at the end. */
async function watch(runs: readonly Run[], screen: Screen, signal: AbortSignal): Promise<void> {
  // The longest line is the hack's: two thirds of the bar, then 65 columns of words.
  const bar = Math.max(Math.floor(Math.min((screen.columns - 65) / 0.65, 48) / 8) * 8, 24);
  const frame = (): string[] =>
    sectionsOf(runs).flatMap(({ title, runs: shown, story }) => [
      "",
      styleText("bold", title),
      ...timeline(shown, bar),
      ...(story === undefined ? [] : ["", `  ${story}`]),
    ]);
  let drawn = 0;
  const draw = (): void => {
    const lines = frame();
    screen.write(
      (drawn > 0 ? `\x1b[${drawn}A` : "") + lines.map((line) => `${line}${screen.live ? "\x1b[K" : ""}\n`).join(""),
    );
    drawn = lines.length;
  };
  const timer = screen.live ? setInterval(draw, FRAME_MS) : undefined;
  await Promise.race([Promise.all(runs.map(({ finished }) => finished)), aborted(signal)]);
  clearInterval(timer);
  draw();
}

/** The runs as they're shown. */
function sectionsOf(runs: readonly Run[]): readonly Section[] {
  return [
    ...ENDINGS.map((ending) => ({
      title: TITLES[ending],
      runs: runs.filter((run) => run.ending === ending && !run.build),
    })),
    ...runs.flatMap((run) => (run.build ? [{ title: BUILD_TITLE, runs: [run], story: storyOf(run.build) }] : [])),
  ];
}

/** What has happened to the Buildkite job so far. */
function storyOf({ ms, exitStatus }: Build): string {
  const status = exitStatus();
  const end = status === undefined ? "runs the job" : `job finished at Buildkite, exit status ${status}`;
  return `webhook → Job after ${duration(ms)} → agent → ${end}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
}

function summary(runs: readonly Run[]): string {
  const row = (variant: Variant, label: string): string => {
    const outcomes = ENDINGS.map((ending) => runs.find((run) => run.variant === variant && run.ending === ending));
    return `  ${label.padEnd(18)}${outcomes.map((run) => (run ? outcome(run) : "").padEnd(22)).join("")}`.trimEnd();
  };
  return `
${styleText("bold", "How long the sidecar keeps running before it's told to stop, or exits")}
  ${styleText("dim", "".padEnd(18) + "after main's exit".padEnd(22) + "after main was killed")}
${row("plain", "plain")}
${row("hack", "the hack of 2020")}
${styleText("green", row("curfew", "Curfew"))}

See what Curfew would do with your own Job: curfew explain -f job.yaml
`;
}

/** What the demo claims, so it can't silently show something else. */
function asPromised(run: Run): boolean {
  const [main, sidecar] = run.lanes();
  const hangs = run.cutOffAt() !== undefined;
  if (run.variant === "plain") return hangs;
  if (run.variant === "hack") return hangs === (run.ending === "kill");
  if (run.build && run.build.exitStatus() !== 0) return false;
  return (
    !hangs &&
    main?.end?.code === (run.ending === "kill" ? 137 : 0) &&
    sidecar?.end?.code === 0 &&
    sidecar.stopped === true
  );
}
