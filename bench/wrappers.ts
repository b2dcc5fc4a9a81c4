/**
 * The wrappers next to the hack of 2020, under each installed shell: from main's last output to the
 * sidecar's TERM, what they add to a container's start, and their memory.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { descendants, type Container } from "../sim/pods/container.ts";
import { randomFrom } from "../test/support/random.ts";
import { fixture, sh, WrappedPod } from "../test/support/wrappers/wrapped-pod.ts";
import { figureOf, type Bench, type Row } from "./lib/result.ts";

const SHELLS = { dash: ["/bin/dash"], bash: ["/bin/bash"], "busybox ash": ["/bin/busybox", "sh"] } as const;

/** How often a container is started, with the wrapper and without. */
const STARTS = 40;

export const wrappers: Bench = {
  summary: "from main's end to the sidecar's TERM, next to the hack of 2020; what a wrapper costs",
  async run({ short, note }) {
    const [rounds, hacks] = short ? [10, 7] : [200, 8];
    const rows: Row[] = [];
    for (const [name, shell] of Object.entries(SHELLS)) {
      if (!existsSync(shell[0])) {
        note(`${name} isn't installed`);
        continue;
      }
      note(name);
      const hack = Promise.all(Array.from({ length: hacks }, () => withPod(shell, hackLatency)));
      const latencies = (await repeat(rounds, () => withPod(shell, curfewLatency))).toSorted((a, b) => a - b);
      const p99 = latencies[Math.ceil(latencies.length * 0.99) - 1] ?? Number.NaN;
      const unwrapped: number[] = [];
      const wrapped: number[] = [];
      for (let round = 0; round < (short ? 0 : STARTS); round += 1) {
        unwrapped.push(await withPod(shell, (pod) => untilUp(pod.plain(up))));
        wrapped.push(await withPod(shell, (pod) => untilUp(pod.main(up))));
      }
      const baseline = { what: "hack of 2020, to its SIGKILL:", figure: figureOf(await hack) };
      const ends = { what: `${name}: main's end to TERM`, unit: "ms", curfew: figureOf(latencies), baseline } as const;
      if (short) {
        // Times depend on what else the machine does.
        const ratio = figureOf([ends.curfew.median / baseline.figure.median]);
        rows.push({ ...ends, ratio, reach: { atMost: 0.5 } });
        continue;
      }
      rows.push(
        ends,
        { what: `${name}: main's end to TERM, p99`, unit: "ms", curfew: figureOf([p99]), reach: { atMost: 10 } },
        {
          what: `${name}: added to main's start`,
          unit: "ms",
          curfew: figureOf([figureOf(wrapped).median - figureOf(unwrapped).median]),
          reach: { atMost: 10 },
        },
        {
          what: `${name}: memory of a main and of a sidecar`,
          unit: "MiB",
          curfew: figureOf(await withPod(shell, memory)),
          reach: { atMost: 2 },
        },
      );
    }
    return rows;
  },
};

const up = sh("echo up; sleep 60");
/** Says bye and ends when its stdin ends. */
const obedient = sh("read -r line; echo bye");

async function withPod<T>(shell: readonly string[], body: (pod: WrappedPod) => Promise<T>): Promise<T> {
  const pod = new WrappedPod(shell);
  try {
    return await body(pod);
  } finally {
    pod.remove();
  }
}

async function repeat<T>(times: number, body: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < times) results.push(await body());
  return results;
}

async function untilUp(container: Container): Promise<number> {
  const began = performance.now();
  return (await container.saw("up")).at - began;
}

async function curfewLatency(pod: WrappedPod): Promise<number> {
  const main = pod.main(obedient, { stdin: "open" });
  await pod.running();
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"));
  await sidecar.saw("d up");
  await settled(sidecar);
  main.stdin.end();
  await sidecar.exited;
  return (await sidecar.saw("d TERM")).at - (await main.saw("bye")).at;
}

/** Moments within the hack's five seconds, the same in each run. */
const moment = randomFrom(1);

/**
 * https://carlosbecker.com/posts/k8s-sidecar-shutdown: its daemon gets no TERM, so what counts is
 * when the sidecar has ended.
 */
async function hackLatency(pod: WrappedPod): Promise<number> {
  const daemon = fixture("daemon", "d", "0").join(" ");
  const loop = `${daemon} & while ! test -f ${pod.dir}/done; do sleep 5; done; exit 0`;
  const sidecar = pod.plain([...pod.shell, "-c", loop]);
  const agent = `trap 'touch ${pod.dir}/done' EXIT; sleep ${(moment() * 5).toFixed(3)}; echo bye`;
  const main = pod.plain([...pod.shell, "-c", agent]);
  await main.exited;
  return (await sidecar.exited).at - (await main.saw("bye")).at;
}

/**
 * The memory of each one's shells, but not of the app. It's the proportional set size, so that what
 * they share counts once.
 */
async function memory(pod: WrappedPod): Promise<number[]> {
  const main = pod.main(up);
  const sidecar = pod.sidecar(up);
  await Promise.all([main.saw("up"), sidecar.saw("up")]);
  await settled(sidecar);
  return [main, sidecar].map(({ pid = 0 }) =>
    [pid, ...descendants(pid)].filter(isWrapper).reduce((sum, shell) => sum + proportionalSetSize(shell), 0),
  );
}

function isWrapper(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0curfew\0");
}

function proportionalSetSize(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
}

/**
 * Resolves once the sidecar waits for main's FIFO, at the latest about a second after its start.
 */
async function settled(sidecar: Container): Promise<void> {
  for (const end = performance.now() + 1_500; performance.now() < end;) {
    const waits = descendants(sidecar.pid ?? 0).some((pid) =>
      openFiles(pid).some((file) => file.includes("/run.main.1")),
    );
    if (waits) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it has just ended
  }
}
