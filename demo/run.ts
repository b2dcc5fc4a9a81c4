/** One Job from its creation to its end, or until it's cut off because it never ends. */
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { ENABLED_KEY } from "../src/injection/names.ts";
import type { JobObject } from "../sim/api-server/api-server.ts";
import type { Container } from "../sim/pods/container.ts";
import { startPod } from "../sim/pods/pod.ts";
import { startBuild, type Build } from "./build.ts";
import type { Cluster } from "./cluster.ts";
import { pull } from "./images.ts";

/**
 * plain: the Job without the label. hack: what people wrote by hand in 2020. curfew: the Job with
 * the label. build: a Job from a webhook.
 */
export type Variant = "plain" | "hack" | "curfew" | "build";

/**
 * How main ends: by itself after two seconds, or killed before that, as the kernel does when memory
 * runs out.
 */
export type Ending = "exit" | "kill";

/** All times are milliseconds since the Pod's start. */
export interface Lane {
  readonly container: "agent" | "dind";
  readonly end?: { readonly at: number; readonly code: number };
  /** When dockerd was told to stop. */
  readonly termAt?: number;
  /** Whether dockerd had shut down when its container ended. */
  readonly stopped?: boolean;
}

export interface Run {
  readonly variant: Variant;
  readonly ending: Ending;
  /** Only for variant `build`. */
  readonly build?: Build;
  /** The lanes so far. */
  readonly lanes: () => readonly Lane[];
  readonly elapsed: () => number;
  /**
   * When main was killed, or wrote its last line. Its exit is noticed a little later, sometimes
   * even after its consequences.
   */
  readonly mainEndedAt: () => number | undefined;
  /** When the rest was killed because it didn't end. Undefined: it wasn't, or not yet. */
  readonly cutOffAt: () => number | undefined;
  /** Resolves once nothing is left of the Pod. */
  readonly finished: Promise<void>;
  readonly remove: () => void;
}

/** Where the time axis ends. What still runs then is cut off, unless main ended late. */
export const CUT_OFF_MS = 8_000;
/** The hack's loop looks every five seconds whether main has ended. */
const AFTER_MAIN_MS = 6_500;
/** If main itself hangs, which it never should. */
const GIVE_UP_MS = 60_000;
const KILL_MS = 1_000;

/**
 * Creates the variant's Job and starts its Pod. Call `remove` if `finished` doesn't resolve.
 * @throws if the Job can't be created
 */
export async function startRun(cluster: Cluster, variant: Variant, ending: Ending): Promise<Run> {
  const wanted = await manifest(variant, `${variant}-${ending}`);
  const build = variant === "build" ? await startBuild(cluster, wanted) : undefined;
  const job = build?.job ?? (await cluster.create(wanted));
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const pod = startPod(job.spec.template.spec, pull);
  build?.agentStarted();
  const containers = [...pod.containers.values()];
  const agent = pod.containers.get("agent");
  const ends = new Map<Container, { at: number; code: number }>();
  const exits = containers.map(async (container) => {
    const { at, code } = await container.exited;
    ends.set(container, { at: at - startedAt, code });
    if (container === agent) build?.agentFinished(code);
  });
  let cutOffAt: number | undefined;
  const ended = Promise.all(exits);
  let killedAt: number | undefined;
  // Not before its first line: until then, PID 1 might not exist yet, or not hold its FIFO.
  const kill = setInterval(() => {
    const line = agent?.lines[0];
    if (line === undefined || performance.now() - line.at < KILL_MS) return;
    clearInterval(kill);
    killedAt = elapsed();
    agent?.kill("SIGKILL");
  }, 10);
  if (ending === "exit") clearInterval(kill);
  // On a busy machine, processes can start seconds late.
  const cutOff = setInterval(() => {
    const mainEnd = agent && ends.get(agent)?.at;
    const isDue = mainEnd === undefined ? elapsed() > GIVE_UP_MS : elapsed() > mainEnd + AFTER_MAIN_MS;
    if (elapsed() < CUT_OFF_MS || !isDue) return;
    clearInterval(cutOff);
    cutOffAt = elapsed();
    pod.remove();
  }, 50);

  function lane(name: Lane["container"]): Lane {
    const container = pod.containers.get(name);
    const end = container && ends.get(container);
    const term = container?.lines.find(({ text }) => text === "stopping");
    return {
      container: name,
      ...(end ? { end } : {}),
      ...(term ? { termAt: term.at - startedAt, stopped: container?.output.includes("stopped") ?? false } : {}),
    };
  }

  return {
    variant,
    ending,
    ...(build ? { build } : {}),
    elapsed,
    mainEndedAt() {
      const last = agent?.lines.find(({ text }) => text === "job finished");
      return killedAt ?? (last && last.at - startedAt);
    },
    cutOffAt: () => cutOffAt,
    lanes: () => [lane("agent"), lane("dind")],
    finished: ended.then(() => {
      clearInterval(kill);
      clearInterval(cutOff);
      pod.remove();
    }),
    remove() {
      clearInterval(kill);
      clearInterval(cutOff);
      pod.remove();
    },
  };
}

/**
 * Relative to demo/, and to dist/ when bundled, the examples and the images are in the same place.
 */
async function manifest(variant: Variant, name: string): Promise<JobObject> {
  const file = new URL(`../examples/${variant === "hack" ? "hack-2020" : "buildkite-agent"}.yaml`, import.meta.url);
  const job = parse(await readFile(file, "utf8")) as JobObject;
  const labels = Object.entries(job.metadata.labels ?? {}).filter(
    ([key]) => variant === "curfew" || variant === "build" || key !== ENABLED_KEY,
  );
  return { ...job, metadata: { ...job.metadata, name, labels: Object.fromEntries(labels) } };
}
