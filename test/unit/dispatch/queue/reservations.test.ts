import { expect, test } from "vitest";
import type { BuildkiteJob } from "../../../../src/dispatch/buildkite/job.ts";
import type { StacksApi } from "../../../../src/dispatch/buildkite/stacks-api.ts";
import { StacksError } from "../../../../src/dispatch/buildkite/stacks-error.ts";
import { createQueueMetrics } from "../../../../src/dispatch/queue/metrics.ts";
import { Reservations } from "../../../../src/dispatch/queue/reservations.ts";
import { createLogger } from "../../../../src/process/log.ts";
import { limitLog } from "../../../../src/process/log-limiter.ts";
import { createRegistry } from "../../../../src/process/metrics.ts";
import { testConfig } from "../../../support/dispatch/config.ts";

const STACKS = { stacks: { agentToken: { env: "AGENT_TOKEN" } } };
const BUDGET_MS = 20_000;

function jobOf(id: string): BuildkiteJob {
  return { id, rules: [], priority: 0 };
}

function many(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `job-${index}`);
}

/** Reservations of a queue, and what they ask Buildkite for. */
function reservationsOf(answers: Partial<Pick<StacksApi, "reserve" | "finish">> = {}) {
  const [queue] = testConfig({ mode: "acquire", reservationSeconds: 300 }, STACKS).queues;
  if (!queue) throw new Error("no queue");
  const clock = { now: 1_000_000_000 };
  const logged: string[] = [];
  const log = createLogger("dispatch", "debug", { write: (line) => void logged.push(line) });
  const metrics = createQueueMetrics(createRegistry(), [queue.name], Date.now)(queue.name);
  const reserved: (readonly string[])[] = [];
  const finished: string[] = [];
  const stacks: Pick<StacksApi, "reserve" | "finish"> = {
    reserve: async (ids, seconds) => {
      reserved.push(ids);
      return answers.reserve?.(ids, seconds) ?? new Set(ids);
    },
    finish: async (id, detail) => {
      finished.push(id);
      await answers.finish?.(id, detail);
    },
  };
  const context = { queue, log, limited: limitLog(log), metrics, now: () => clock.now };
  const reservations = new Reservations(context, stacks, 5);
  return { reservations, reserved, finished, clock, lines: () => logged };
}

test("finishing a job doesn't outlast the dispatcher, however long Buildkite asks to wait", async () => {
  const busy = new StacksError("POST /finish", 429, { retryAfterMs: 60_000 });
  const { reservations, finished } = reservationsOf({ finish: () => Promise.reject(busy) });
  const gaveUp = reservations.giveUp({ buildkiteJob: jobOf("a"), attempt: 1 }, "no image");
  await expect.poll(() => finished).toEqual(["a"]);
  reservations.stop();
  expect(await gaveUp).toBe(false);
  expect(finished).toEqual(["a"]);
});

test("a thousand jobs are reserved in one call", async () => {
  const { reservations, reserved } = reservationsOf();
  const ours = await Promise.all(many(1000).map((id) => reservations.reserve(jobOf(id), BUDGET_MS)));
  expect(ours.every(Boolean)).toBe(true);
  expect(reserved.map(({ length }) => length)).toEqual([1000]);
});

test("says which jobs somebody else has, and forgets them", async () => {
  const { reservations } = reservationsOf({ reserve: () => Promise.resolve(new Set(["job-0"])) });
  const ours = await Promise.all(many(2).map((id) => reservations.reserve(jobOf(id), BUDGET_MS)));
  expect(ours).toEqual([true, false]);
  expect([...reservations.jobs()].map(({ id }) => id)).toEqual(["job-0"]);
});

test("tries again if Buildkite is too busy, and not if it refuses", async () => {
  let failures = 2;
  const busy = reservationsOf({
    reserve: (ids) => (failures-- > 0 ? Promise.reject(new StacksError("PUT /x", 429)) : Promise.resolve(new Set(ids))),
  });
  expect(await busy.reservations.reserve(jobOf("a"), BUDGET_MS)).toBe(true);
  expect(busy.reserved).toHaveLength(3);
  const refused = reservationsOf({ reserve: () => Promise.reject(new StacksError("PUT /x", 422)) });
  await expect(refused.reservations.reserve(jobOf("a"), BUDGET_MS)).rejects.toThrow("HTTP 422");
  expect(refused.reserved).toHaveLength(1);
});

test("extends a reservation once a third of it has passed, and not sooner", async () => {
  const { reservations, reserved, clock } = reservationsOf();
  await reservations.reserve(jobOf("a"), BUDGET_MS);
  await reservations.extend(["a"]);
  clock.now += 90_000;
  await reservations.extend(["a"]);
  expect(reserved).toHaveLength(1);
  clock.now += 20_000;
  await reservations.extend(["a"]);
  expect(reserved).toHaveLength(2);
});

test("extends what another replica has reserved, once it has a Job", async () => {
  const { reservations, reserved } = reservationsOf();
  await reservations.extend(["a", "b"]);
  await reservations.extend(["a", "b"]);
  expect(reserved).toEqual([["a", "b"]]);
});

test("300 jobs that can't be run are reserved in one call, and all are finished with one line", async () => {
  const { reservations, reserved, finished, lines } = reservationsOf();
  const all = many(300).map((id) => ({ planned: { buildkiteJob: jobOf(id), attempt: 1 }, reason: "no such field" }));
  await reservations.giveUpAll(all);
  expect(reserved).toHaveLength(1);
  expect(finished).toHaveLength(300);
  expect(lines()).toHaveLength(1);
});

test("a job that's known to be reserved isn't reserved again to be finished", async () => {
  const { reservations, reserved, finished } = reservationsOf();
  await reservations.reserve(jobOf("a"), BUDGET_MS);
  await reservations.giveUp({ buildkiteJob: jobOf("a"), attempt: 1 }, "why");
  expect(reserved).toHaveLength(1);
  expect(finished).toEqual(["a"]);
  expect([...reservations.jobs()]).toEqual([]);
});

test("a job that somebody else has isn't finished", async () => {
  const { reservations, finished } = reservationsOf({ reserve: () => Promise.resolve(new Set()) });
  await reservations.giveUp({ buildkiteJob: jobOf("a"), attempt: 1 }, "why");
  expect(finished).toEqual([]);
});

test("finishing a job is tried again if Buildkite is too busy", async () => {
  let failures = 2;
  const { reservations, finished } = reservationsOf({
    finish: () => (failures-- > 0 ? Promise.reject(new StacksError("POST /x", 429)) : Promise.resolve()),
  });
  await reservations.giveUp({ buildkiteJob: jobOf("a"), attempt: 1 }, "why");
  expect(finished).toEqual(["a", "a", "a"]);
});
