/**
 * Many jobs, several replicas and many refusals against the fake Buildkite with its documented rate
 * limits, or with a tenth of them. How pace and limits get along over minutes is in
 * test/unit/dispatch/buildkite/pace.test.ts, and 50,000 jobs are in test/soak.
 */
import { expect, test } from "vitest";
import type { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
  type TestDispatcher,
} from "../../support/dispatch/dispatcher.ts";

const MODES = ["queue", "acquire"] as const;
/** Buildkite's own rate limits. */
const DOCUMENTED = 1;
const LONG = { timeout: 180_000 };
const POLL = { timeout: 170_000, interval: 100 };
const isLong = process.env["LONG"] !== undefined;
/** `npm run test:long` has the sizes that once failed, and `npm test` has more than one page, too. */
const [WAITING, BURST] = isLong ? [12_000, 2000] : [2400, 400];

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Jobs that have waited for a while, each a moment longer than the next one. */
function scheduleMany(fake: FakeBuildkite, count: number, priorityOf: (index: number) => number = () => 0) {
  const oldest = Date.now() - 60_000;
  return many(count, (index) => fake.schedule({ scheduledAt: oldest + index, priority: priorityOf(index) }));
}

function callsOf(fake: FakeBuildkite, call: string): number {
  return fake.calls.filter((one) => one === call).length;
}

/** The fraction of calls that came too fast. */
function tooFast({ rateLimited, calls }: FakeBuildkite): number {
  return rateLimited.length / calls.length;
}

test.each(MODES)(`in %s mode, ${WAITING} jobs that wait all get Jobs, and no pass fails`, LONG, async (mode) => {
  const [api, fake] = [await testApiServer(), await testBuildkite(Date.now, DOCUMENTED)];
  const jobs = scheduleMany(fake, WAITING);
  const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
  await expect.poll(() => api.jobs().length, POLL).toBe(jobs.length);
  expect(fake.rateLimited).toEqual([]);
  expect(await dispatcher.metric("curfew_dispatch_reconcile_passes_total", { outcome: "failed" })).toBe(0);
});

test.each(MODES)(`in %s mode, the most urgent of ${WAITING} jobs get the Jobs there's room for`, LONG, async (mode) => {
  const [api, fake] = [await testApiServer(), await testBuildkite(Date.now, DOCUMENTED)];
  const jobs = scheduleMany(fake, WAITING, (index) => (index % 120 === 119 ? 1 : 0));
  const dispatcher = await testDispatcher(api, testConfig({ mode, maxInFlight: WAITING / 120 }, stacksOf(fake)));
  await expect.poll(() => api.jobs().length, POLL).toBe(WAITING / 120);
  const urgent = jobs.filter(({ priority }) => priority === 1).map(({ id }) => `buildkite-${id}`);
  expect(new Set(api.jobs().map(({ metadata }) => metadata.name))).toEqual(new Set(urgent));
  expect(fake.rateLimited).toEqual([]);
  expect(await dispatcher.metric("curfew_dispatch_reconcile_passes_total", { outcome: "failed" })).toBe(0);
});

test(`three replicas that share a stack give ${BURST} jobs their Jobs within Buildkite's limits`, LONG, async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite(Date.now, DOCUMENTED)];
  const config = testConfig({ mode: "acquire" }, { webhook: { requestBudgetSeconds: 8 }, ...stacksOf(fake) });
  const replicas: TestDispatcher[] = [];
  for (let count = 0; count < 3; count++) replicas.push(await testDispatcher(api, config));
  const jobs = many(BURST, () => fake.schedule());
  const sent = Promise.allSettled(jobs.map(async (job, index) => replicas[index % 3]?.send("job.scheduled", job)));
  await expect.poll(() => api.jobs().length, POLL).toBe(jobs.length);
  await sent;
  expect(jobs.filter(({ id }) => api.timesCreated(`buildkite-${id}`) !== 1)).toEqual([]);
  expect(tooFast(fake)).toBeLessThan(0.1);
});

test.skipIf(!isLong)("three replicas all see what waits, even at a tenth of the rate (test:long)", LONG, async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite(Date.now, DOCUMENTED / 10)];
  const config = testConfig({}, stacksOf(fake, 1));
  for (let count = 0; count < 3; count++) {
    const replica = await testDispatcher(api, config);
    const done = (): Promise<number> => replica.metric("curfew_dispatch_reconcile_passes_total", { outcome: "done" });
    await expect.poll(done, POLL).toBeGreaterThan(0);
  }
  expect(tooFast(fake)).toBeLessThan(0.5);
});

test.each(MODES)("in %s mode, 300 jobs whose Jobs are refused fail within a few calls", LONG, async (mode) => {
  const [api, fake] = [await testApiServer(), await testBuildkite(Date.now, DOCUMENTED)];
  api.fault = ({ verb }) => (verb === "create" ? { kind: "status", code: 422, message: "no such field" } : undefined);
  const jobs = many(300, () => fake.schedule());
  await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
  await expect.poll(() => jobs.filter(({ state }) => state !== "finished"), POLL).toEqual([]);
  expect(jobs.every(({ detail }) => detail?.includes("no such field"))).toBe(true);
  expect(callsOf(fake, "PUT /scheduled-jobs/batch-reserve")).toBeLessThan(100); // 4 to 7, or more if the machine is busy
  expect(tooFast(fake)).toBeLessThan(0.05);
});
