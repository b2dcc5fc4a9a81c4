import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { StacksError } from "../../../../src/dispatch/buildkite/stacks-error.ts";
import type { JobView } from "../../../../src/dispatch/jobs/job-mirror.ts";
import { createQueueMetrics } from "../../../../src/dispatch/queue/metrics.ts";
import { ReconcileLoop } from "../../../../src/dispatch/queue/reconcile-loop.ts";
import type { PassOutcome } from "../../../../src/dispatch/queue/reconcile-pass.ts";
import { limitLog } from "../../../../src/process/log-limiter.ts";
import { createLogger } from "../../../../src/process/log.ts";
import { createRegistry } from "../../../../src/process/metrics.ts";
import { testConfig } from "../../../support/dispatch/config.ts";

/** Longer than any test takes, so a pass that comes sooner was asked for. */
const NEVER_MS = 600_000;
const finished = { failed: false } as JobView;

/** A loop that runs until the test's end, and counts its passes. */
function loopOf(pass: (count: number) => PassOutcome) {
  const [queue] = testConfig().queues;
  if (!queue) throw new Error("no queue");
  const metrics = createQueueMetrics(createRegistry(), [queue.name], Date.now)(queue.name);
  const logged: string[] = [];
  const log = createLogger("dispatch", "debug", { write: (line) => void logged.push(line) });
  let [passes, ended] = [0, 0];
  const passed = (): void => {
    ended += 1;
  };
  const loop = new ReconcileLoop(
    { queue, log, limited: limitLog(log), metrics: { ...metrics, passed }, now: Date.now },
    async () => {
      passes += 1;
      await sleep(1);
      return pass(passes);
    },
    { intervalMs: NEVER_MS, gapMs: 5 },
  );
  const running = loop.run();
  onTestFinished(async () => {
    loop.stop();
    await running;
  });
  return { loop, passes: () => passes, ended: () => ended, logged: () => logged.join("") };
}

test("looks again as soon as it's woken, even during a pass", async () => {
  const { loop, passes } = loopOf((count) => {
    if (count === 2) loop.wake();
    return "done";
  });
  await expect.poll(passes).toBe(1);
  loop.wake();
  await expect.poll(passes).toBe(3);
});

test("a Job that has finished makes it look again only if jobs were left over", async () => {
  const { loop, passes, ended } = loopOf((count) => (count === 1 ? "left-over" : "done"));
  await expect.poll(ended).toBe(1);
  loop.onJobFinished(finished);
  await expect.poll(ended).toBe(2);
  loop.onJobFinished(finished);
  await sleep(50);
  expect(passes()).toBe(2);
});

test("keeps the pause that Buildkite asked for, even if it's woken", async () => {
  const { loop, passes, ended, logged } = loopOf(() => {
    throw new StacksError("GET /x", 429, { retryAfterMs: NEVER_MS });
  });
  await expect.poll(ended).toBe(1);
  loop.wake();
  await sleep(50);
  expect(passes()).toBe(1);
  expect(logged()).toContain("HTTP 429");
});

test("carries on after failed passes, and says so once", async () => {
  const { passes, logged } = loopOf((count) => {
    if (count < 3) throw new Error("a bug");
    return "done";
  });
  await expect.poll(passes).toBe(3);
  await expect.poll(logged).toContain("reconciling again");
  expect(logged().match(/a reconcile pass failed/g)).toHaveLength(1);
});

test("a Job that finishes after a pass that failed makes it look again: that pass left jobs over", async () => {
  const { loop, passes, ended } = loopOf((count) => {
    if (count === 1) throw new Error("3 of 3 Jobs could not be created");
    if (count === 2) loop.onJobFinished(finished);
    return "done";
  });
  await expect.poll(ended).toBe(3);
  expect(passes()).toBe(3);
});

test("stops at once, even during a pause that Buildkite asked for", async () => {
  const { loop, passes } = loopOf(() => {
    throw new StacksError("GET /x", 503, { retryAfterMs: NEVER_MS });
  });
  await expect.poll(passes).toBe(1);
  loop.stop();
});

test("passes that keep failing come less and less often, even if Buildkite asks for no pause", async () => {
  const began: number[] = [];
  const { ended } = loopOf(() => {
    began.push(performance.now());
    throw new StacksError("GET /x", 503, { retryAfterMs: 0 });
  });
  await expect.poll(ended).toBe(8);
  const pauses = began.slice(1).map((time, index) => time - (began[index] ?? 0));
  // Each is at least half of five milliseconds, doubled for each failure, and as long as it likes.
  for (const [index, pause] of pauses.entries()) expect(pause).toBeGreaterThan(2 * 2 ** index);
});

test("goes on at once if the pass had no time for all that there's room for", async () => {
  const { passes } = loopOf((count) => (count < 3 ? "more" : "done"));
  await expect.poll(passes).toBe(3);
});
