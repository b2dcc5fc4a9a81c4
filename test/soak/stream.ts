/** Jobs that come at a steady pace for a long time. The dispatcher's memory must stay flat. */
import { setTimeout as sleep } from "node:timers/promises";
import { simulateAgents } from "../../sim/buildkite/agents.ts";
import { soakedDispatcher } from "./dispatcher.ts";
import type { SoakOptions, SoakProgram, Table } from "./table.ts";
import { median } from "./waiting.ts";

const PER_SECOND = 20;
const LOOK_MS = 1000;
/** Of the webhooks, one in so many is lost. */
const LOST = 20;
/** Until the heap has its size. */
const WARM_UP = 0.2;
const MOST_GROWTH_MIB = 16;

export const stream: SoakProgram = {
  summary: "20 jobs a second for minutes, some of whose webhooks are lost: each runs once, and memory stays flat",
  run: measure,
};

async function measure({ short, long, minutes = short ? 3 : long ? 60 : 20, note }: SoakOptions): Promise<Table> {
  const { fake, api, start, send, stop } = await soakedDispatcher({ mode: "acquire" });
  try {
    const agents = simulateAgents(api, fake, {
      startMs: () => 200 + Math.random() * 800,
      runMs: () => 500 + Math.random() * 3000,
      idleMs: 5000,
      ttlMs: 10_000,
    });
    const server = await start();
    const atRest = await server.residentMiB();
    const resident: number[] = [];
    const sending: Promise<void>[] = [];
    const answers = new Map<number, number>();
    const begin = performance.now();
    let scheduled = 0;
    for (let second = 1; second <= minutes * 60; second++) {
      for (let count = 0; count < PER_SECOND; count++) {
        const job = fake.schedule({ priority: count % 3 });
        scheduled++;
        if (Math.random() * LOST < 1) continue;
        const answered = (status: number): void => void answers.set(status, (answers.get(status) ?? 0) + 1);
        sending.push(
          send(job).then(answered, () => {
            answered(0);
          }),
        );
        await sleep(LOOK_MS / PER_SECOND / 2);
      }
      await Promise.all(sending.splice(0));
      resident.push(await server.residentMiB());
      await sleep(Math.max(0, begin + second * LOOK_MS - performance.now()));
      if (second % 60 === 0)
        note(`${second / 60} min: ${scheduled} jobs, ${agents.ran} done, ${resident.at(-1)?.toFixed(0) ?? ""} MiB`);
    }
    const unfinished = (): number => [...fake.jobs.values()].filter(({ state }) => state !== "finished").length;
    for (const until = performance.now() + 60_000; unfinished() > 0 && performance.now() < until;) await sleep(LOOK_MS);
    const notOnce = [...fake.jobs.values()].filter(({ runs }) => runs !== 1).length;
    const warm = resident.slice(Math.floor(resident.length * WARM_UP));
    const third = Math.ceil(warm.length / 3);
    const growth = median(warm.slice(-third)) - median(warm.slice(0, third));
    const failures = [...answers].filter(([status]) => status !== 200).reduce((sum, [, count]) => sum + count, 0);
    const cells: readonly (readonly [string, string])[] = [
      ["minutes", String(minutes)],
      ["jobs", scheduled.toLocaleString("en")],
      ["not run once", notOnce.toLocaleString("en")],
      ["webhooks failed", failures.toLocaleString("en")],
      ["calls to Buildkite", fake.calls.length.toLocaleString("en")],
      ["429s", fake.rateLimited.length.toLocaleString("en")],
      ["memory at rest", `${atRest.toFixed(0)} MiB`],
      ["median", `${median(warm).toFixed(0)} MiB`],
      ["peak", `${(await server.peakMiB()).toFixed(0)} MiB`],
      ["growth", `${growth.toFixed(1)} MiB`],
    ];
    return {
      columns: cells.map(([column]) => column),
      rows: [cells.map(([, cell]) => cell)],
      failed: notOnce > 0 || growth > MOST_GROWTH_MIB,
    };
  } finally {
    await stop();
  }
}
