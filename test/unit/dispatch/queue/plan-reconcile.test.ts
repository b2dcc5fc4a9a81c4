import { describe, expect, test } from "vitest";
import type { BuildkiteJob, JobStanding } from "../../../../src/dispatch/buildkite/job.ts";
import type { JobView } from "../../../../src/dispatch/jobs/job-mirror.ts";
import { planAcquireMode, type AcquireModePlan } from "../../../../src/dispatch/queue/plan-acquire-mode.ts";
import { planQueueMode, type QueueModePlan } from "../../../../src/dispatch/queue/plan-queue-mode.ts";
import { inOrder, type StuckJob } from "../../../../src/dispatch/queue/plan-reconcile.ts";
import { routeInQueue } from "../../../../src/dispatch/queue/route.ts";
import { testConfig } from "../../../support/dispatch/config.ts";

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
    isOurs: true,
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

const stuckJobs = (...jobs: (JobView | readonly [JobView, "final"])[]): Map<string, StuckJob> =>
  new Map(
    jobs.map((one) => {
      const [stuck, isFinal] = "name" in one ? [one, false] : [one[0], true];
      return [stuck.name, { view: stuck, reason: `${stuck.name} can't start`, cause: "image-pull", isFinal }];
    }),
  );

describe("queue mode", () => {
  const template = { spec: { template: { spec: { containers: [{ name: "agent" }] } } } };
  const [queue] = testConfig({
    templates: [
      { tags: { size: "large" }, template },
      { tags: { size: "large", gpu: "a100" }, template },
    ],
  }).queues;
  if (!queue) throw new Error("no queue");
  const routed = (buildkiteJob: BuildkiteJob) => {
    const route = routeInQueue(queue, buildkiteJob);
    if (route.kind !== "queue") throw new Error(route.reason);
    return { buildkiteJob, template: route.template };
  };
  const planOf = (
    waiting: readonly (string | BuildkiteJob)[],
    views: readonly JobView[],
    standings: Record<string, JobStanding> = {},
    stuck: ReadonlyMap<string, StuckJob> = new Map(),
    withoutAgent: readonly JobView[] = [],
  ): QueueModePlan =>
    planQueueMode({
      withoutAgent: new Set(withoutAgent.map(({ uid }) => uid)),
      waiting: waiting.map((one) => routed(typeof one === "string" ? job(one) : one)),
      views,
      standings: new Map(Object.entries(standings)),
      stuck,
      templateOf: ({ buildkiteJob }) => routed(buildkiteJob ?? job("")).template,
      serves: ({ tags }, { buildkiteJob: { rules } }) =>
        rules.every((rule) => tags[rule.split("=")[0] ?? ""] !== undefined),
      now: NOW,
      idleTimeoutMs: 60_000,
      retryMs: RETRY,
    });
  const plan = (...args: Parameters<typeof planOf>): string[] => {
    const planned = planOf(...args);
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

  test("doesn't wait for an agent that has ended, even if its Pod hangs", () => {
    const hangs = view("a", { createdAt: NOW - 5_000 });
    expect(plan(["a"], [hangs])).toEqual([]);
    expect(plan(["a"], [hangs], {}, new Map(), [hangs])).toEqual(["a-2"]);
    expect(plan(["b"], [hangs], { a: "over" }, new Map(), [hangs])).toEqual(["b-1"]);
  });

  test("doesn't wait for a Pod that was ready long ago, and isn't any more", () => {
    const wasReady = (ago: number): JobView => view("a", { createdAt: NOW - 100_000, readyAt: NOW - ago });
    expect(plan(["a"], [wasReady(60_000)])).toEqual([]);
    expect(plan(["a"], [wasReady(60_001)])).toEqual(["a-2"]);
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
    expect(plan(["a"], [finished("a", 50_000)], { a: "held" })).toEqual([]);
  });

  describe("a Job whose Pod isn't ready counts as an agent for another job", () => {
    const old = view("a", { createdAt: NOW - 61_000 });
    const young = view("a", { createdAt: NOW - 59_000 });

    test("only for a minute, so that a Pod that hangs lets no other job starve", () => {
      expect(plan(["b"], [young], { a: "dropped" })).toEqual([]);
      expect(plan(["b"], [old], { a: "dropped" })).toEqual(["b-1"]);
    });

    test("but not if it's known to be stuck", () => {
      expect(plan(["b"], [young], { a: "dropped" }, stuckJobs(young))).toEqual(["b-1"]);
    });

    test("but not if its agent lacks a tag that the job asks for", () => {
      const large = job("b", { rules: ["size=large"] });
      expect(plan([large], [young], { a: "dropped" })).toEqual(["b-1"]);
      expect(plan([large], [{ ...young, buildkiteJob: job("a", { rules: ["size=large"] }) }])).toEqual([]);
      expect(plan([large], [{ ...young, buildkiteJob: job("a", { rules: ["size=large", "gpu=a100"] }) }])).toEqual([]);
    });

    test("and is left to jobs that can take no other", () => {
      const [large, gpu] = [["size=large"], ["size=large", "gpu=a100"]];
      const views = [
        view("x", { createdAt: NOW, buildkiteJob: job("x", { rules: gpu }) }),
        view("y", { createdAt: NOW, buildkiteJob: job("y", { rules: large }) }),
      ];
      expect(plan([job("a", { rules: large }), job("b", { rules: gpu })], views)).toEqual([]);
    });
  });

  test("an agent that can't take the first job is left to the next one", () => {
    const views = [view("x", { createdAt: NOW, buildkiteJob: job("x", { rules: ["size=large"] }) })];
    expect(plan(["a"], views)).toEqual([]);
    expect(plan([job("b", { rules: ["size=large", "gpu=a100"] }), "a"], views)).toEqual(["b-1"]);
  });

  test("gives up on a job whose own Job won't ever have an agent, and makes no other Job for it", () => {
    const stuck = view("a", { attempt: 2 });
    const { create, giveUp, remove } = planOf(["a"], [stuck], { a: "waiting" }, stuckJobs([stuck, "final"]));
    expect(create).toEqual([]);
    expect(remove).toEqual([]);
    expect(giveUp).toMatchObject([{ buildkiteJob: { id: "a" }, attempt: 2, reason: "a-2 can't start", view: stuck }]);
  });

  test("deletes a Job that won't ever have an agent once its own job is over, and no other", () => {
    const [over, held, starting] = [view("a"), view("b"), view("c")];
    const stuck = stuckJobs([over, "final"], [held, "final"], starting);
    const { giveUp, remove } = planOf([], [over, held, starting], { a: "dropped", b: "held", c: "over" }, stuck);
    expect(giveUp).toEqual([]);
    expect(remove).toEqual([over]);
  });
});

describe("acquire mode", () => {
  const plan = (
    wanted: string[],
    views: JobView[],
    standings: Record<string, JobStanding> = {},
    stuck: ReadonlyMap<string, StuckJob> = new Map(),
    withoutAgent: readonly JobView[] = [],
  ): AcquireModePlan =>
    planAcquireMode({
      withoutAgent: new Set(withoutAgent.map(({ uid }) => uid)),
      stuck,
      whyEnded: ({ attempt }) => `${attempt} ended`,
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

  test("replaces a Job whose agent has ended without its job, even if its Pod hangs", () => {
    const hangs = view("a", { createdAt: NOW - 5_000 });
    expect(created(["a"], [hangs], { a: "reserved" })).toEqual([]);
    expect(created(["a"], [hangs], { a: "reserved" }, new Map(), [hangs])).toEqual(["a-2"]);
    expect(created(["a"], [hangs], { a: "held" }, new Map(), [hangs])).toEqual([]);
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
    expect(plan(["a"], [finished("a", 1), last]).giveUp).toEqual([
      { buildkiteJob: job("a"), attempt: 3, reason: "3 ended", cause: "attempts" },
    ]);
    expect(created(["a"], [last])).toEqual([]);
  });

  test("gives up on a job whose agent won't ever start, and removes the Job once the job is over", () => {
    const [waiting, over] = [view("a"), view("b")];
    const stuck = stuckJobs([waiting, "final"], [over, "final"], view("c"));
    const planned = plan([], [waiting, over, view("c")], { a: "reserved", b: "over", c: "reserved" }, stuck);
    expect(planned.giveUp).toMatchObject([{ buildkiteJob: { id: "a" }, reason: "a-1 can't start", view: waiting }]);
    expect(planned.remove).toEqual([over]);
    expect(planned.create).toEqual([]);
  });

  test("pauses before each further attempt, and says that something is left", () => {
    expect(plan(["a"], [finished("a", 1_999, { attempt: 2 })])).toMatchObject({ create: [], postponed: 1 });
    expect(created(["a"], [finished("a", 2_000, { attempt: 2 })])).toEqual(["a-3"]);
  });
});
