import { describe, expect, test } from "vitest";
import type { BuildkiteJob, JobStanding } from "../../../../src/dispatch/buildkite/job.ts";
import type { JobView } from "../../../../src/dispatch/jobs/job-mirror.ts";
import { planAcquireMode, type AcquireModePlan } from "../../../../src/dispatch/queue/plan-acquire-mode.ts";
import { planQueueMode } from "../../../../src/dispatch/queue/plan-queue-mode.ts";
import { inOrder } from "../../../../src/dispatch/queue/plan-reconcile.ts";

const NOW = 1_000_000;
const RETRY = 1000;

const job = (id: string, rest: Partial<BuildkiteJob> = {}): BuildkiteJob => ({ id, rules: [], priority: 0, ...rest });
const view = (buildkiteJobId: string, rest: Partial<JobView> = {}): JobView => {
  const attempt = rest.attempt ?? 1;
  const name = `${buildkiteJobId}-${attempt}`;
  return {
    name,
    uid: name,
    buildkiteJobId,
    queue: "q",
    attempt,
    createdAt: NOW - 100_000,
    phase: "pending",
    failed: false,
    suspended: false,
    startedAt: rest.createdAt ?? NOW - 100_000,
    ...rest,
  };
};
const ready = (id: string, readyFor: number, rest: Partial<JobView> = {}): JobView =>
  view(id, { phase: "ready", readyAt: NOW - readyFor, ...rest });
const finished = (id: string, ago: number, rest: Partial<JobView> = {}): JobView =>
  view(id, { phase: "finished", finishedAt: NOW - ago, ...rest });

test("serves the higher priority first, then the job that has waited longer", () => {
  const jobs = [
    job("c", { waitingSince: 2 }),
    job("b", { waitingSince: 1 }),
    job("a", { waitingSince: 3, priority: 1 }),
    job("d", { waitingSince: 2 }),
  ];
  expect(inOrder(jobs).map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
});

describe("queue mode", () => {
  const plan = (waiting: string[], views: JobView[], standings: Record<string, JobStanding> = {}): string[] => {
    const input = {
      waiting: waiting.map((id) => job(id)),
      views,
      standings: new Map(Object.entries(standings)),
      now: NOW,
    };
    const planned = planQueueMode({ ...input, idleTimeoutMs: 60_000, retryMs: RETRY });
    const names = planned.create.map(({ buildkiteJob, attempt }) => `${buildkiteJob.id}-${attempt}`);
    return planned.postponed > 0 ? [...names, `${planned.postponed} postponed`] : names;
  };

  test("makes a Job for each job that waits without one", () => {
    expect(plan(["a", "b"], [])).toEqual(["a-1", "b-1"]);
  });

  test("makes none if each has a Pod that's starting", () => {
    expect(plan(["a", "b"], [view("a"), view("b")])).toEqual([]);
  });

  test("makes none for a job whose own Pod died if another job's agent is free to take it", () => {
    expect(plan(["a"], [finished("a", 50_000), ready("b", 5_000)], { b: "over" })).toEqual([]);
  });

  test("makes one for a job whose agent took another job that's running now", () => {
    // a's agent runs b; b's own Pod died.
    expect(plan(["a"], [ready("a", 5_000), finished("b", 50_000)], { a: "waiting", b: "held" })).toEqual(["a-2"]);
  });

  test("assumes that an agent has work, whatever it is, if it stays beyond its idle timeout", () => {
    expect(plan(["b"], [ready("a", 61_000)], { a: "over" })).toEqual(["b-1"]);
    expect(plan(["b"], [ready("a", 59_000)], { a: "over" })).toEqual([]);
  });

  test("doesn't make more and more Jobs for a full cluster", () => {
    expect(plan(["a", "b"], [view("a", { createdAt: 0 }), view("b", { createdAt: 0 })])).toEqual([]);
  });

  test("doesn't count jobs that run on other agents as work for its own starting Pods", () => {
    expect(
      plan(["c", "d"], [finished("a", 1), finished("b", 1), view("c"), view("d")], { a: "held", b: "held" }),
    ).toEqual([]);
  });

  test("prefers jobs without a Job to those that have one", () => {
    const views = [ready("a", 5_000), ready("b", 5_000)];
    expect(plan(["a", "c"], views, { a: "waiting", b: "held" })).toEqual(["c-1"]);
  });

  test("waits longer each time before it replaces a Pod that died", () => {
    const died = (ago: number, attempt: number): JobView => finished("a", ago, { attempt, failed: true });
    expect(plan(["a"], [died(999, 1)])).toEqual(["1 postponed"]);
    expect(plan(["a"], [died(1_000, 1)])).toEqual(["a-2"]);
    expect(plan(["a"], [died(3_999, 3)])).toEqual(["1 postponed"]);
    expect(plan(["a"], [died(300_000, 30)])).toEqual(["a-31"]);
  });

  test("replaces a completed Job at once, since it most likely ran another job, but not forever", () => {
    expect(plan(["a"], [finished("a", 0)])).toEqual(["a-2"]);
    expect(plan(["a"], [finished("a", 0, { attempt: 3 })])).toEqual(["a-4"]);
    expect(plan(["a"], [finished("a", 0, { attempt: 4 })])).toEqual(["1 postponed"]);
  });

  test("makes none for a job that got its agent after it was listed", () => {
    expect(plan(["a"], [finished("a", 50_000)], { a: "held" })).toEqual(["1 postponed"]);
  });
});

describe("acquire mode", () => {
  const plan = (wanted: string[], views: JobView[], standings: Record<string, JobStanding> = {}): AcquireModePlan =>
    planAcquireMode({
      wanted: wanted.map((id) => job(id)),
      views,
      standings: new Map(Object.entries(standings)),
      now: NOW,
      retryMs: RETRY,
      maxAttempts: 3,
    });
  const created = (...args: Parameters<typeof plan>): string[] =>
    plan(...args).create.map(({ buildkiteJob, attempt }) => `${buildkiteJob.id}-${attempt}`);

  test("makes a Job for each job that waits without one", () => {
    expect(created(["a", "b"], [view("b")])).toEqual(["a-1"]);
  });

  test("replaces a Job that completed or failed before its job was taken", () => {
    const views = [finished("a", 5_000), finished("b", 5_000, { failed: true })];
    expect(created(["a", "b"], views, { a: "waiting", b: "reserved" })).toEqual(["a-2", "b-2"]);
  });

  test("makes none for a job that an agent has or that's over, however its Job ended", () => {
    expect(
      created(["a", "b"], [finished("a", 5_000, { failed: true }), finished("b", 5_000)], { a: "held", b: "over" }),
    ).toEqual([]);
  });

  test("keeps the reservations of jobs whose agents are starting", () => {
    expect(
      plan([], [view("a"), ready("b", 5), view("c"), finished("d", 1)], {
        a: "reserved",
        b: "waiting",
        c: "held",
        d: "reserved",
      }).extend,
    ).toEqual(["a", "b"]);
  });

  test("removes a dropped job's Job only if no agent can have started", () => {
    const views = [view("a"), view("b", { readyAt: NOW }), ready("c", 5), finished("d", 1), view("e")];
    const dropped = { a: "dropped", b: "dropped", c: "dropped", d: "dropped" } as const;
    expect(plan([], views, dropped).remove.map(({ name }) => name)).toEqual(["a-1"]);
  });

  test("leaves a Job alone if its job has run, even if the agent was too quick to be seen", () => {
    expect(plan([], [view("a")], { a: "over" }).remove).toEqual([]);
  });

  test("gives up on a job after its last attempt", () => {
    const last = finished("a", 1_000_000, { attempt: 3 });
    expect(plan(["a"], [finished("a", 1), last]).giveUp).toEqual([{ buildkiteJob: job("a"), attempt: 3 }]);
    expect(created(["a"], [last])).toEqual([]);
  });

  test("pauses before each further attempt, and says that something is left", () => {
    expect(plan(["a"], [finished("a", 1_999, { attempt: 2 })])).toMatchObject({ create: [], postponed: 1 });
    expect(created(["a"], [finished("a", 2_000, { attempt: 2 })])).toEqual(["a-3"]);
  });
});
