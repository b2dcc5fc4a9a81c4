import { expect, test } from "vitest";
import type { CreateOutcome } from "../../../../src/dispatch/jobs/job-outcomes.ts";
import { JobEnsurer } from "../../../../src/dispatch/queue/ensure-job.ts";
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
function ensurerOf(mode: "queue" | "acquire", creator: Creator, acquire: () => Promise<string | undefined>) {
  const [queue] = testConfig({ mode }, STACKS).queues;
  const [template] = queue?.templates ?? [];
  if (!queue || !template) throw new Error("no queue");
  const registry = createRegistry();
  const metrics = createQueueMetrics(registry, [queue.name], Date.now)(queue.name);
  const [logged, givenUp]: [string[], string[]] = [[], []];
  const log = createLogger("dispatch", "debug", { write: (line) => void logged.push(line) });
  const state = { whileInFlight: <T>(creation: () => Promise<T>) => creation(), created: () => undefined };
  const reservations: Reservations = {
    acquire,
    giveUp: (_planned, reason) => Promise.resolve(void givenUp.push(reason)),
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
        (await registry.metrics()).split("\n").find((line) => line.includes(`outcome="${outcome}"`)) ?? "",
      )?.[0],
  };
}

test.each(["queue", "acquire"] as const)(
  "a bug isn't an outage: in %s mode it reaches the caller, and isn't logged as a failed reservation",
  async (mode) => {
    const bug = new TypeError("x is not a function");
    const { ensure, logged } = ensurerOf(mode, { create: () => Promise.reject(bug) }, () => Promise.resolve("token"));
    await expect(ensure()).rejects.toBe(bug);
    expect(logged()).toBe("");
  },
);

test("a job that can't be reserved because Buildkite is down is unavailable, and the log says why", async () => {
  const down = new OutsideError("Buildkite's Stacks API: no answer");
  const create = (): Promise<CreateOutcome> => Promise.reject(new Error("nothing should be created"));
  const { ensure, logged, count } = ensurerOf("acquire", { create }, () => Promise.reject(down));
  expect(await ensure()).toBe("unavailable");
  expect(JSON.parse(logged())).toMatchObject({ level: "warn", buildkiteJob: "0190", reason: down.message });
  expect(await count("unavailable")).toBe("1");
});

test("a job that somebody else has reserved gets no Job", async () => {
  const create = (): Promise<CreateOutcome> => Promise.reject(new Error("nothing should be created"));
  const { ensure, count } = ensurerOf("acquire", { create }, () => Promise.resolve(undefined));
  expect(await ensure()).toBe("not-reserved");
  expect(await count("not-reserved")).toBe("1");
});

test("the build shows why the API server refused its Job", async () => {
  const { ensure, givenUp } = ensurerOf("queue", { create: () => Promise.resolve(refused) }, () =>
    Promise.resolve(undefined),
  );
  expect(await ensure()).toBe("refused");
  expect(givenUp).toEqual([expect.stringContaining("(422): spec.template: Required value")]);
});
