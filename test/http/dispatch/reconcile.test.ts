/**
 * The reconcile loop behind the webhooks, with the fake's Stacks API. No webhook is sent unless a
 * test sends it.
 */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { JobObject } from "../../../sim/api-server/api-server.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
  HAS_JOB,
} from "../../support/dispatch/dispatcher.ts";
import { simulateAgents } from "../../../sim/buildkite/agents.ts";

const MODES = ["queue", "acquire"] as const;
const AGENTS = { startMs: () => 5, runMs: () => 5, idleMs: 200 };
const envOf = (job: JobObject | undefined, name: string): string | undefined =>
  job?.spec.template.spec.containers.find((one) => one.name === "agent")?.env?.find((one) => one.name === name)?.value;

describe.each(MODES)("in %s mode", (mode) => {
  test("runs jobs whose webhooks never came, from every page of the listing", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    simulateAgents(api, fake, AGENTS);
    for (let index = 0; index < 1100; index++) fake.schedule();
    await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    const left = (): number => [...fake.jobs.values()].filter(({ state }) => state !== "finished").length;
    await expect.poll(left, { timeout: 60_000 }).toBe(0);
    expect([...fake.jobs.values()].every(({ runs }) => runs === 1)).toBe(true);
    expect(fake.calls.filter((call) => call === "GET /scheduled-jobs").length).toBeGreaterThan(1);
  }, 90_000);

  test("serves the highest priority first, and no more than maxInFlight at once", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const order: string[] = [];
    let most = 0;
    simulateAgents(api, fake, AGENTS);
    const create = api.onCreate;
    api.onCreate = (job) => {
      order.push(job.metadata.labels?.["curfew.sh/buildkite-job"] ?? "");
      most = Math.max(most, api.jobs().filter(({ status }) => status?.conditions === undefined).length);
      create(job);
    };
    const jobs = Array.from({ length: 12 }, (_, index) => fake.schedule({ priority: index % 3 }));
    await testDispatcher(api, testConfig({ mode, maxInFlight: 2 }, stacksOf(fake)));
    await expect.poll(() => jobs.filter(({ state }) => state !== "finished")).toEqual([]);
    expect(most).toBe(2);
    const priorities = order.map((id) => fake.jobs.get(id)?.priority ?? 0);
    expect(priorities).toEqual(priorities.toSorted((a, b) => b - a));
  });

  test.each(["dispatch_paused", "paused"] as const)(
    "creates nothing while the queue is paused (%s), and everything afterwards",
    async (field) => {
      const [api, fake] = [await testApiServer(), await testBuildkite()];
      fake.paused = true;
      fake.pausedField = field;
      const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake, 0.05)));
      const jobs = [fake.schedule(), fake.schedule()];
      await expect.poll(() => dispatcher.log()).toContain("the queue is paused");
      const answer = await dispatcher.send("job.scheduled", jobs[0] ?? { id: randomUUID() });
      expect(answer).toEqual({ status: 200, body: { outcome: "deferred", reason: "paused" } });
      await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(4);
      expect(api.jobs()).toEqual([]);
      fake.paused = false;
      await expect.poll(() => api.jobs()).toHaveLength(2);
    },
  );

  test("replaces a Pod that died before its agent took a job", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    let deaths = 2;
    const counts = simulateAgents(api, fake, { ...AGENTS, dies: () => deaths-- > 0 });
    const job = fake.schedule();
    const dispatcher = await testDispatcher(api, testConfig({ mode, retrySeconds: 0.05 }, stacksOf(fake)));
    await dispatcher.send("job.scheduled", job);
    await expect.poll(() => job.state).toBe("finished");
    expect(job.runs).toBe(1);
    expect(counts.died).toBe(2);
    const ended = new Set(api.jobs().map(({ metadata }) => metadata.name));
    expect(ended).toEqual(new Set([`buildkite-${job.id}`, `buildkite-${job.id}-2`, `buildkite-${job.id}-3`]));
  });

  test.each([
    ["is too busy, for as long as Retry-After says", { status: 429, headers: { "retry-after": "0" } }],
    ["is too busy and doesn't say for how long", { status: 429 }],
    ["fails", { status: 503 }],
  ])("carries on if the Stacks API %s", async (_what, fault) => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    let faults = 4;
    fake.fault = () => (faults-- > 0 ? fault : undefined);
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    fake.schedule();
    await expect.poll(() => api.jobs()).toHaveLength(1);
    await expect.poll(() => dispatcher.log()).toContain("reconciling again");
  });

  test("registers again if Buildkite has forgotten the stack", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    await expect.poll(() => fake.stacks.size).toBe(1);
    fake.stacks.clear();
    fake.schedule();
    await expect.poll(() => api.jobs()).toHaveLength(1);
    expect([...fake.stacks]).toEqual(["curfew-kubernetes"]);
  });

  test("finds its Jobs again if a watch is cut off or loses its place", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const counts = simulateAgents(api, fake, AGENTS);
    await testDispatcher(api, testConfig({ mode, maxInFlight: 1 }, stacksOf(fake)));
    for (const forget of [false, true]) {
      const jobs = [fake.schedule(), fake.schedule()];
      await expect.poll(() => counts.running + counts.ran).toBeGreaterThan(0);
      api.dropWatches(forget);
      await expect.poll(() => jobs.filter(({ state }) => state !== "finished")).toEqual([]);
    }
  });

  test("ignores a late delivery if an agent already has its job", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    // Buildkite gets half of the budget to say where the job stands. Without an answer, the job
    // would get a Job.
    const config = testConfig({ mode }, { webhook: { requestBudgetSeconds: 20 }, ...stacksOf(fake) });
    const dispatcher = await testDispatcher(api, config);
    const job = fake.schedule({ scheduledAt: Date.now() - 3_600_000 });
    await expect.poll(() => api.jobs()).toHaveLength(1);
    fake.acquire(job.id);
    api.remove("buildkite", `buildkite-${job.id}`);
    const reason = mode === "queue" ? "over" : "not-reserved";
    const late = await dispatcher.send("job.scheduled", { ...job, state: "scheduled" });
    expect(late.body).toEqual({ outcome: "ignored", reason });
    expect(api.timesCreated(`buildkite-${job.id}`)).toBe(1);
  });
});

describe("in queue mode", () => {
  test("never reserves jobs, so agents that poll can get them", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake)));
    const jobs = [fake.schedule(), fake.schedule()];
    await dispatcher.send("job.scheduled", jobs[0] ?? { id: "" });
    await expect.poll(() => api.jobs()).toHaveLength(2);
    expect(fake.calls.some((call) => call.includes("reserve"))).toBe(false);
    expect(jobs.map(({ state }) => state)).toEqual(["scheduled", "scheduled"]);
  });

  test("tells agents to leave after one job or when idle, as in 2020", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig());
    await dispatcher.send("job.scheduled", fake.schedule());
    const [job] = api.jobs();
    expect(envOf(job, "BUILDKITE_AGENT_DISCONNECT_AFTER_JOB")).toBe("true");
    expect(envOf(job, "BUILDKITE_AGENT_DISCONNECT_AFTER_IDLE_TIMEOUT")).toBe("50");
    expect(envOf(job, "BUILDKITE_AGENT_TAGS")).toBe("queue=kubernetes");
  });

  test("never deletes a Job, even if its job is over: its agent might run another one", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake)));
    const job = fake.schedule();
    await dispatcher.send("job.scheduled", job);
    fake.cancel(job.id);
    await dispatcher.send("job.finished", job);
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(5);
    expect(api.jobs()).toHaveLength(1);
  });
});

describe("in acquire mode", () => {
  test("gives the agent one job and a token for that job, not the agent token", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({ mode: "acquire" }, stacksOf(fake)));
    const job = fake.schedule();
    expect(await dispatcher.send("job.scheduled", job)).toEqual(HAS_JOB);
    const [created] = api.jobs();
    expect(envOf(created, "BUILDKITE_AGENT_ACQUIRE_JOB")).toBe(job.id);
    await expect.poll(() => api.secrets()).toHaveLength(1);
    const [secret] = api.secrets();
    const token = Buffer.from(secret?.data?.["token"] ?? "", "base64").toString();
    expect(fake.judgeToken(token)).toEqual({ kind: "one", id: job.id });
    expect(JSON.stringify(created)).not.toContain(fake.agentToken);
    expect(dispatcher.log()).not.toContain("bkjat_");
  });

  test("deletes a Job if its job was cancelled before the agent started", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({ mode: "acquire" }, stacksOf(fake)));
    const job = fake.schedule();
    await dispatcher.send("job.scheduled", job);
    fake.cancel(job.id);
    await expect.poll(() => api.jobs()).toHaveLength(0);
    await expect.poll(() => dispatcher.metric("curfew_dispatch_jobs_deleted_total")).toBe(1);
  });

  test("still creates Jobs for other jobs if it isn't allowed to delete one that's over", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({ mode: "acquire" }, stacksOf(fake)));
    api.fault = ({ verb }) =>
      verb === "delete" ? { kind: "status", code: 403, message: "a policy says no" } : undefined;
    const cancelled = fake.schedule();
    await dispatcher.send("job.scheduled", cancelled);
    fake.cancel(cancelled.id);
    await expect.poll(() => dispatcher.log()).toContain("a policy says no");
    const missed = fake.schedule();
    await expect.poll(() => api.timesCreated(`buildkite-${missed.id}`)).toBe(1);
  });

  test("leaves a Job alone once its agent has started, whatever happens to its job", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({ mode: "acquire" }, stacksOf(fake)));
    const job = fake.schedule();
    await dispatcher.send("job.scheduled", job);
    api.setStatus("buildkite", `buildkite-${job.id}`, { ready: 1 });
    const passes = (): Promise<number> => dispatcher.metric("curfew_dispatch_reconcile_passes_total");
    const before = await passes();
    await expect.poll(passes).toBeGreaterThan(before + 1);
    fake.cancel(job.id);
    await expect.poll(passes).toBeGreaterThan(before + 6);
    expect(api.jobs()).toHaveLength(1);
  });

  test("keeps a job reserved for as long as its Pod takes to start", async () => {
    let later = 0;
    const now = (): number => Date.now() + later;
    const [api, fake] = [await testApiServer(), await testBuildkite(now)];
    const config = testConfig({ mode: "acquire", reservationSeconds: 300 }, stacksOf(fake, 0.05));
    const dispatcher = await testDispatcher(api, config, now);
    const passes = (): Promise<number> => dispatcher.metric("curfew_dispatch_reconcile_passes_total");
    const job = fake.schedule();
    await expect.poll(() => api.jobs()).toHaveLength(1);
    for (let minute = 1; minute <= 6; minute++) {
      const before = await passes();
      await expect.poll(passes).toBeGreaterThan(before + 1);
      later += 60_000;
      expect(fake.stateOf(job)).toBe("reserved");
    }
    expect(api.jobs()).toHaveLength(1);
  });

  test("comes back to a job that it reserved but couldn't create a Job for", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const config = testConfig({ mode: "acquire" }, { webhook: { requestBudgetSeconds: 1 }, ...stacksOf(fake) });
    const dispatcher = await testDispatcher(api, config);
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(0);
    api.fault = () => ({ kind: "hang-up" });
    const job = fake.schedule();
    const answer = await dispatcher.send("job.scheduled", job);
    expect(answer.status).toBe(503);
    expect(job.state).toBe("reserved");
    api.fault = () => undefined;
    await expect.poll(() => api.jobs()).toHaveLength(1);
  });

  test("replaces another dispatcher's Pod that died, long before the reservation ends", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const config = testConfig({ mode: "acquire", retrySeconds: 0.05 }, stacksOf(fake));
    const gone = await testDispatcher(api, config);
    const job = fake.schedule({ priority: 3 });
    await gone.send("job.scheduled", job);
    gone.close();
    await testDispatcher(api, config);
    const conditions = [{ type: "Failed", status: "True", lastTransitionTime: new Date().toISOString() }];
    api.setStatus("buildkite", `buildkite-${job.id}`, { conditions });
    await expect.poll(() => api.timesCreated(`buildkite-${job.id}-2`)).toBe(1);
    expect(fake.stateOf(job)).toBe("reserved");
  });

  test("gives up on a job if all its Pods die, and says so on its build", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    simulateAgents(api, fake, { ...AGENTS, dies: () => true });
    await testDispatcher(api, testConfig({ mode: "acquire", maxAttempts: 3, retrySeconds: 0.02 }, stacksOf(fake)));
    const job = fake.schedule();
    await expect.poll(() => job.state).toBe("finished");
    expect(job.detail).toContain("3 agents ended without taking this job");
    expect(api.jobs()).toHaveLength(3);
  });

  test("batches the calls to the Stacks API during a burst", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const dispatcher = await testDispatcher(api, testConfig({ mode: "acquire" }, stacksOf(fake, 100)));
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(0);
    const jobs = Array.from({ length: 100 }, () => fake.schedule());
    await Promise.all(jobs.map((job) => dispatcher.send("job.scheduled", job)));
    await expect.poll(() => api.jobs()).toHaveLength(100);
    // How many calls are batched depends on timing.
    expect(fake.calls.filter((call) => call.includes("batch-reserve")).length).toBeLessThan(jobs.length);
  });
});

test("queues whose names look alike have stacks, labels and limits of their own", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  const names = ["a/b", "a.b", "a-b"];
  const queues = names.map((name) => ({ name, maxInFlight: 1 }));
  await testDispatcher(api, testConfig({}, { queues, ...stacksOf(fake) }));
  const jobs = names.map((queue) => fake.schedule({ queue }));
  await expect.poll(() => api.jobs()).toHaveLength(3);
  expect(api.jobs().map(({ metadata }) => metadata.name)).toEqual(
    expect.arrayContaining(jobs.map(({ id }) => `buildkite-${id}`)),
  );
  expect(new Set(api.jobs().map(({ metadata }) => metadata.labels?.["curfew.sh/buildkite-queue"])).size).toBe(3);
  expect(fake.stacks.size).toBe(3);
});
