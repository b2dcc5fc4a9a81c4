/**
 * Everything that goes wrong in a bad week, in a few seconds. Of the webhooks of 300 jobs, a third
 * get lost, a third come twice, and some come late. One of two replicas dies and comes back. Pods
 * die. The API server goes down, and watches lose their place. Buildkite is too busy. The queue is
 * paused and resumed. In the end, each job has run exactly once, and no Job is left over.
 */
import { expect, test } from "vitest";
import { scheduleInBadWeek } from "../../support/dispatch/bad-week.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
  type TestDispatcher,
} from "../../support/dispatch/dispatcher.ts";
import { randomOf } from "../../support/random.ts";
import { simulateAgents } from "../../../sim/buildkite/agents.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";

const JOBS = 300;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test.for(["queue", "acquire"] as const)(
  "runs each of 300 jobs exactly once in %s mode, and leaves no Job behind",
  { timeout: 240_000 },
  async (mode, context) => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const random = randomOf(context);
    const agents = simulateAgents(api, fake, {
      startMs: () => 10 + random() * 60,
      runMs: () => 5 + random() * 100,
      idleMs: 400,
      dies: () => random() < 0.05,
      ttlMs: 2000,
    });
    const late = { webhook: { requestBudgetSeconds: 0.5, lateAfterSeconds: 0.5 } };
    const config = testConfig(
      { mode, retrySeconds: 0.05, reservationSeconds: 3 },
      { ...late, ...stacksOf(fake, 0.25) },
    );
    const replicas: TestDispatcher[] = [await testDispatcher(api, config), await testDispatcher(api, config)];
    const send = (job: FakeJob): Promise<unknown> =>
      replicas[random() < 0.5 ? 0 : 1]?.send("job.scheduled", job) ?? Promise.resolve();

    const mishaps = (async () => {
      await sleep(300);
      replicas[0]?.close();
      await sleep(300);
      replicas[0] = await testDispatcher(api, config);
      api.fault = () => ({ kind: "hang-up" });
      api.dropWatches();
      await sleep(400);
      api.fault = () => (random() < 0.1 ? { kind: "lost-answer" } : undefined);
      fake.fault = () => (random() < 0.3 ? { status: 429 } : undefined);
      api.dropWatches(true);
      await sleep(300);
      fake.fault = () => undefined;
      fake.paused = true;
      await sleep(400);
      fake.paused = false;
      api.fault = () => undefined;
    })();
    const lateMs = [600, 3000] as const;
    const week = await scheduleInBadWeek(fake, { jobs: JOBS, random, gapMs: 12, lateMs, send });
    await mishaps;

    const jobs = [...fake.jobs.values()];
    await expect.poll(() => jobs.filter(({ state }) => state !== "finished"), { timeout: 60_000 }).toEqual([]);
    await sleep(600);
    await week.over;
    // A duplicate of a webhook that comes when the first Job is gone can make a Job too many. If its
    // job is over by then, it never gets a token, and is deleted after a minute.
    await expect.poll(() => agents.running, { timeout: 100_000 }).toBe(0);
    expect(jobs.filter(({ runs, exitStatus }) => runs !== 1 || exitStatus !== 0)).toEqual([]);
    expect(api.jobs().filter(({ status }) => status?.conditions === undefined)).toEqual([]);
    expect(agents).toMatchObject({ ran: JOBS, killed: 0 });
    await context.annotate(`webhooks: ${JSON.stringify(week.webhooks)}, agents: ${JSON.stringify(agents)}`);
  },
);
