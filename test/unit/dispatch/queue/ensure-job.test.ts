import { expect, test } from "vitest";
import type { CreateOutcome } from "../../../../src/dispatch/jobs/job-outcomes.ts";
import type { StoredJob } from "../../../../src/dispatch/jobs/stored-job.ts";
import { JobEnsurer } from "../../../../src/dispatch/queue/ensure-job.ts";
import type { Place } from "../../../../src/dispatch/queue/places.ts";
import { createQueueMetrics } from "../../../../src/dispatch/queue/metrics.ts";
import { OutsideError } from "../../../../src/process/errors.ts";
import { limitLog } from "../../../../src/process/log-limiter.ts";
import { createLogger } from "../../../../src/process/log.ts";
import { createRegistry } from "../../../../src/process/metrics.ts";
import { testConfig } from "../../../support/dispatch/config.ts";

type Creator = ConstructorParameters<typeof JobEnsurer>[2];
type Reservations = ConstructorParameters<typeof JobEnsurer>[3];

const STACKS = { stacks: { agentToken: { env: "AGENT_TOKEN" } } };
const refused: CreateOutcome = { kind: "refused", code: 422, message: "spec.template: Required value" };

/** An ensurer of one queue, and what it logs, counts and gives up. */
function ensurerOf(
  mode: "queue" | "acquire",
  {
    create = () => Promise.reject(new Error("nothing should be created")),
    get = () => Promise.resolve(undefined),
  }: Partial<Creator>,
  reserve: () => Promise<boolean> = () => Promise.resolve(true),
) {
  const creator = { create, get };
  const [queue] = testConfig({ mode }, STACKS).queues;
  const [template] = queue?.templates ?? [];
  if (!queue || !template) throw new Error("no queue");
  const registry = createRegistry();
  const metrics = createQueueMetrics(registry, [queue.name], Date.now)(queue.name);
  const [logged, givenUp]: [string[], string[]] = [[], []];
  const log = createLogger("dispatch", "debug", { write: (line) => void logged.push(line) });
  const place: Place = { fill: (_deadline, create) => create(), release: () => undefined };
  const state = { claim: () => place, created: () => undefined, knows: () => false };
  const reservations: Reservations = {
    reserve,
    giveUp: (_planned, reason) => Promise.resolve(givenUp.push(reason) > 0),
  };
  const ensurer = new JobEnsurer(
    { queue, log, limited: limitLog(log), metrics, now: Date.now },
    state,
    creator,
    reservations,
  );
  const buildkiteJob = { id: "0190", rules: [], priority: 0 };
  return {
    ensure: () => ensurer.ensure({ buildkiteJob, template, attempt: 1 }, "webhook", 1000),
    logged: () => logged.join(""),
    givenUp,
    count: async (outcome: string) =>
      /\d+$/.exec(
        (await registry.metrics()).split("\n").find((line) => line.includes(`source="webhook",outcome="${outcome}"`)) ??
          "",
      )?.[0],
  };
}

test.each(["queue", "acquire"] as const)(
  "a bug isn't an outage: in %s mode it reaches the caller, and isn't logged as a failed reservation",
  async (mode) => {
    const bug = new TypeError("x is not a function");
    const { ensure, logged } = ensurerOf(mode, { create: () => Promise.reject(bug) });
    await expect(ensure()).rejects.toBe(bug);
    expect(logged()).toBe("");
  },
);

test("a job that can't be reserved because Buildkite is down is unavailable, and the log says why", async () => {
  const down = new OutsideError("Buildkite's Stacks API: no answer");
  const { ensure, logged, count } = ensurerOf("acquire", {}, () => Promise.reject(down));
  expect(await ensure()).toBe("unavailable");
  expect(JSON.parse(logged())).toMatchObject({ level: "warn", buildkiteJob: "0190", reason: down.message });
  expect(await count("unavailable")).toBe("1");
});

test("a job that somebody else has reserved gets no Job", async () => {
  const { ensure, count } = ensurerOf("acquire", {}, () => Promise.resolve(false));
  expect(await ensure()).toBe("not-reserved");
  expect(await count("not-reserved")).toBe("1");
});

test("the build shows why the API server refused its Job", async () => {
  const { ensure, givenUp } = ensurerOf("queue", { create: () => Promise.resolve(refused) });
  expect(await ensure()).toBe("refused");
  expect(givenUp).toEqual([expect.stringContaining("(422): spec.template: Required value")]);
});

const exists = (): Promise<CreateOutcome> => Promise.resolve({ kind: "exists" });
const jobWith = (labels: Record<string, string>): StoredJob => ({
  metadata: { name: "buildkite-0190", uid: "1", creationTimestamp: "2026-01-01T00:00:00Z", labels },
});

test.each([
  ["without our label", {}],
  ["for another Buildkite job", { "curfew.sh/buildkite-job": "0191" }],
])("a Job with our name %s is reported in the log, in the metrics and on the build's page", async (_what, labels) => {
  const get = (): Promise<StoredJob> => Promise.resolve(jobWith(labels));
  const { ensure, logged, givenUp, count } = ensurerOf("queue", { create: exists, get });
  expect(await ensure()).toBe("name-taken");
  expect(JSON.parse(logged())).toMatchObject({ level: "error", job: "buildkite-0190", namespace: "buildkite" });
  expect(logged()).toContain("find out who did, and delete the Job");
  expect(givenUp).toEqual([expect.stringContaining("The namespace buildkite already has a Job named buildkite-0190,")]);
  expect(await count("name-taken")).toBe("1");
});

test.each<[string, () => Promise<StoredJob | undefined>]>([
  [
    "is ours, though the watch hasn't reported it yet",
    () => Promise.resolve(jobWith({ "curfew.sh/buildkite-job": "0190" })),
  ],
  ["has just been deleted", () => Promise.resolve(undefined)],
  ["can't be read", () => Promise.reject(new OutsideError("cannot get the Job: 403"))],
])("a Job that exists and %s isn't called foreign", async (_what, get) => {
  const { ensure, givenUp } = ensurerOf("queue", { create: exists, get });
  expect(await ensure()).toBe("exists");
  expect(givenUp).toEqual([]);
});

test("1,500 refused Jobs are one line in the log, without a stack", async () => {
  const { ensure, logged } = ensurerOf("queue", { create: () => Promise.resolve(refused) });
  for (let n = 0; n < 1500; n++) await ensure();
  expect(logged().trim().split("\n")).toHaveLength(1);
  expect(JSON.parse(logged())).toMatchObject({ level: "error", code: 422, reason: refused.message });
});
