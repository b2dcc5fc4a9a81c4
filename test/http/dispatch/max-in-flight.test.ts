/** `maxInFlight` is a limit, however jobs come. */
import { describe, expect, test } from "vitest";
import type { ApiServer } from "../../../sim/api-server/api-server.ts";
import { simulateAgents } from "../../../sim/buildkite/agents.ts";
import type { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
} from "../../support/dispatch/dispatcher.ts";

const LIMIT = 10;
const JOBS = 66;
const MODES = ["queue", "acquire"] as const;
const AGENTS = { startMs: () => 5, runMs: () => 200, idleMs: 200 };

/**
 * An API server whose Jobs have agents, and the most that were ever unfinished of its Jobs, and
 * reserved of Buildkite's.
 */
async function clusterOf(
  fake: FakeBuildkite,
): Promise<{ api: ApiServer; most: () => number; mostReserved: () => number }> {
  const api = await testApiServer();
  simulateAgents(api, fake, AGENTS);
  const create = api.onCreate;
  let [most, mostReserved] = [0, 0];
  api.onCreate = (job) => {
    most = Math.max(most, api.jobs().filter(({ status }) => status?.conditions === undefined).length);
    const reserved = [...fake.jobs.values()].filter(({ state }) => state === "reserved").length;
    mostReserved = Math.max(mostReserved, reserved);
    create(job);
  };
  return { api, most: () => most, mostReserved: () => mostReserved };
}

const left = (fake: FakeBuildkite): number =>
  [...fake.jobs.values()].filter(({ state }) => state !== "finished").length;

describe.each(MODES)("in %s mode", (mode) => {
  test("a burst of late deliveries never makes more Jobs than maxInFlight, and all jobs run", async () => {
    const fake = await testBuildkite();
    const { api, most, mostReserved } = await clusterOf(fake);
    const config = testConfig(
      { mode, maxInFlight: LIMIT },
      { webhook: { requestBudgetSeconds: 30 }, ...stacksOf(fake) },
    );
    const dispatcher = await testDispatcher(api, config);
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(0);
    // So late that Buildkite is asked first, in queue mode.
    const scheduledAt = Date.now() - 3_600_000;
    const jobs = Array.from({ length: JOBS }, () => fake.schedule({ scheduledAt }));
    const answers = await Promise.all(jobs.map((job) => dispatcher.send("job.scheduled", job)));
    expect(answers.map(({ status }) => status)).toEqual(jobs.map(() => 200));
    await expect.poll(() => left(fake), { timeout: 60_000 }).toBe(0);
    expect(most()).toBeLessThanOrEqual(LIMIT);
    // What's reserved but has no place would wait for nothing.
    expect(mostReserved()).toBeLessThanOrEqual(LIMIT);
    expect(jobs.map(({ runs }) => runs)).toEqual(jobs.map(() => 1));
  }, 90_000);

  test("two dispatchers exceed it by one Job at most", async () => {
    const fake = await testBuildkite();
    const { api, most } = await clusterOf(fake);
    const config = testConfig({ mode, maxInFlight: LIMIT }, stacksOf(fake));
    const dispatchers = [await testDispatcher(api, config), await testDispatcher(api, config)];
    for (const { metric } of dispatchers)
      await expect.poll(() => metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(0);
    api.fault = ({ verb }) => (verb === "create" ? { kind: "delay", ms: Math.random() * 20 } : undefined);
    const jobs = Array.from({ length: JOBS }, () => fake.schedule());
    await Promise.all(jobs.map(async (job, index) => await dispatchers[index % 2]?.send("job.scheduled", job)));
    await expect.poll(() => left(fake), { timeout: 60_000 }).toBe(0);
    expect(most()).toBeLessThanOrEqual(LIMIT + 1);
    expect(jobs.map(({ runs }) => runs)).toEqual(jobs.map(() => 1));
  }, 90_000);

  test("a Job whose creation was never answered keeps its place", async () => {
    const fake = await testBuildkite();
    const { api, most } = await clusterOf(fake);
    const config = testConfig(
      { mode, maxInFlight: LIMIT },
      { webhook: { requestBudgetSeconds: 0.2 }, ...stacksOf(fake) },
    );
    const dispatcher = await testDispatcher(api, config);
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(0);
    let creations = 0;
    api.fault = ({ verb }) => (verb === "create" && creations++ % 3 === 0 ? { kind: "lost-answer" } : undefined);
    const jobs = Array.from({ length: JOBS }, () => fake.schedule());
    await Promise.all(jobs.map((job) => dispatcher.send("job.scheduled", job)));
    await expect.poll(() => left(fake), { timeout: 60_000 }).toBe(0);
    expect(most()).toBeLessThanOrEqual(LIMIT);
    expect(jobs.map(({ runs }) => runs)).toEqual(jobs.map(() => 1));
  }, 90_000);
});
