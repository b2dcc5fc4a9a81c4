/** A queue in which tens of thousands of jobs wait when the dispatcher starts. */
import { setTimeout as sleep } from "node:timers/promises";
import { simulateAgents } from "../../sim/buildkite/agents.ts";
import { soakedDispatcher } from "./dispatcher.ts";
import type { SoakOptions, SoakProgram, Table } from "./table.ts";

const MOST_MIB = 256;
const PRIORITIES = 5;
const LOOK_MS = 2000;
/** If no job comes to its end for so long, the rest never will. */
const STUCK_MS = 120_000;

export const waiting: SoakProgram = {
  summary: "a dispatcher that finds 50,000 jobs waiting, with room for 500 at once: all run, the most urgent first",
  run: measure,
};

async function measure({ short, note }: SoakOptions): Promise<Table> {
  const count = short ? 5000 : 50_000;
  const maxInFlight = 500;
  const { fake, api, start, stop } = await soakedDispatcher({ mode: "acquire", maxInFlight });
  try {
    const agents = simulateAgents(api, fake, {
      startMs: () => 20,
      runMs: () => 500,
      idleMs: 5000,
      ttlMs: 1000,
    });
    const oldest = Date.now() - count;
    const priorities = Array.from({ length: count }, () => Math.floor(Math.random() * PRIORITIES));
    for (const [index, priority] of priorities.entries()) fake.schedule({ scheduledAt: oldest + index, priority });
    const left = new Map(counted(priorities));
    let [created, outOfOrder, most, unfinished] = [0, 0, 0, 0];
    const simulate = api.onCreate;
    api.onCreate = (job) => {
      const priority = fake.jobs.get(job.metadata.labels?.["curfew.sh/buildkite-job"] ?? "")?.priority ?? 0;
      left.set(priority, (left.get(priority) ?? 0) - 1);
      if (Math.max(...[...left].flatMap(([one, jobs]) => (jobs > 0 ? [one] : []))) > priority) outOfOrder++;
      created++;
      most = Math.max(most, created - (agents.ran + agents.idle + agents.refused + agents.died));
      simulate(job);
    };
    const begin = performance.now();
    const server = await start();
    const resident: number[] = [];
    let [ended, endedAt] = [0, begin];
    for (;;) {
      await sleep(LOOK_MS);
      resident.push(await server.residentMiB());
      unfinished = [...fake.jobs.values()].filter(({ state }) => state !== "finished").length;
      if (unfinished === 0) break;
      if (agents.ran !== ended) [ended, endedAt] = [agents.ran, performance.now()];
      if (performance.now() - endedAt > STUCK_MS) break;
      if (resident.length % 10 === 0)
        note(`${seconds(begin)} s: ${created} Jobs, ${agents.ran} jobs done, ${resident.at(-1)?.toFixed(0) ?? ""} MiB`);
    }
    const took = (performance.now() - begin) / 1000;
    const peak = await server.peakMiB();
    const moreThanOnce = [...fake.jobs.values()].filter(({ runs }) => runs !== 1).length;
    const tooFast = fake.rateLimited.length;
    const cells: readonly (readonly [string, string])[] = [
      ["waiting jobs", count.toLocaleString("en")],
      ["not run once", moreThanOnce.toLocaleString("en")],
      ["before a more urgent one", outOfOrder.toLocaleString("en")],
      ["most Jobs at once", `${most} of ${maxInFlight}`],
      ["time", `${took.toFixed(0)} s`],
      ["calls to Buildkite", fake.calls.length.toLocaleString("en")],
      ["429s", tooFast.toLocaleString("en")],
      ["memory, median", `${median(resident).toFixed(0)} MiB`],
      ["memory, peak", `${peak.toFixed(0)} MiB`],
    ];
    return {
      columns: cells.map(([column]) => column),
      rows: [cells.map(([, cell]) => cell)],
      failed: moreThanOnce > 0 || outOfOrder > count / 1000 || most > maxInFlight || peak > MOST_MIB,
    };
  } finally {
    await stop();
  }
}

function counted(priorities: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const priority of priorities) counts.set(priority, (counts.get(priority) ?? 0) + 1);
  return counts;
}

function seconds(begin: number): string {
  return ((performance.now() - begin) / 1000).toFixed(0);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
