/** The tokens of acquire mode's agents, in Secrets of their Jobs. */
import { expect, test } from "vitest";
import type { ApiServer, Fault } from "../../../sim/api-server/api-server.ts";
import { lackOf, statusOf } from "../../../sim/buildkite/agents.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
  type TestDispatcher,
  HAS_JOB,
} from "../../support/dispatch/dispatcher.ts";

const NAMESPACE = "buildkite";
const TEMPLATE = { spec: { template: { spec: { containers: [{ name: "agent", image: "agent" }] } } } };
const FORBIDDEN: Fault = {
  kind: "status",
  code: 403,
  message: 'secrets is forbidden: User "system:serviceaccount:a:b" cannot create resource "secrets" in API group ""',
};

const nameOf = (job: FakeJob): string => `buildkite-${job.id}`;
const tokenOf = (api: ApiServer, job: FakeJob): string | undefined => {
  const value = api.secret(NAMESPACE, nameOf(job))?.data?.["token"];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString();
};
const passes = (dispatcher: TestDispatcher): Promise<number> =>
  dispatcher.metric("curfew_dispatch_reconcile_passes_total", { outcome: "done" });

/** Waits until a pass has begun and ended. */
async function untilNextPass(dispatcher: TestDispatcher): Promise<void> {
  const before = await passes(dispatcher);
  await expect.poll(() => passes(dispatcher)).toBeGreaterThan(before + 1);
}

/** The Job's Pod, in which kubelet misses the Secret. */
function putPod(api: ApiServer, job: FakeJob): void {
  const [name, uid] = [nameOf(job), api.jobs()[0]?.metadata.uid ?? ""];
  const labels = { "curfew.sh/buildkite-job": job.id, "batch.kubernetes.io/job-name": name };
  const ownerReferences = [{ kind: "Job", name, uid }];
  const status = { containerStatuses: [statusOf(lackOf(name))] };
  api.putPod({ metadata: { name: `${name}-x`, namespace: NAMESPACE, labels, ownerReferences }, status });
}

async function world(queue: Record<string, unknown> = {}) {
  let later = 0;
  const now = (): number => Date.now() + later;
  const [api, fake] = [await testApiServer(), await testBuildkite(now)];
  const config = testConfig({ mode: "acquire", template: TEMPLATE, ...queue }, stacksOf(fake, 0.05));
  /** Whether the token in the Job's Secret lets an agent take this job. */
  const isValid = (job: FakeJob): boolean => {
    const scope = fake.judgeToken(tokenOf(api, job) ?? "");
    return scope.kind === "one" && scope.id === job.id;
  };
  return {
    api,
    fake,
    isValid,
    start: () => testDispatcher(api, config, now),
    pass: (ms: number): void => void (later += ms),
  };
}

test("keeps the token out of the Job and out of the log", async () => {
  const { api, fake, isValid, start } = await world();
  const dispatcher = await start();
  const job = fake.schedule();
  expect(await dispatcher.send("job.scheduled", job)).toEqual(HAS_JOB);
  await expect.poll(() => isValid(job)).toBe(true);
  const token = tokenOf(api, job) ?? "none";
  expect(JSON.stringify(api.jobs())).not.toContain(token);
  expect(JSON.stringify(api.jobs())).not.toContain(Buffer.from(token).toString("base64"));
  expect(dispatcher.log()).not.toContain(token);
});

test("puts the token into a Secret that belongs to the Job, and bears its labels", async () => {
  const { api, fake, start } = await world();
  const dispatcher = await start();
  const job = fake.schedule();
  await dispatcher.send("job.scheduled", job);
  await expect.poll(() => api.secrets()).toHaveLength(1);
  const [owner] = api.jobs();
  const { uid } = owner?.metadata ?? {};
  expect(api.secret(NAMESPACE, nameOf(job))).toMatchObject({
    metadata: {
      labels: { "curfew.sh/buildkite-job": job.id, "curfew.sh/buildkite-queue": "kubernetes" },
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: nameOf(job), uid }],
    },
  });
  // Kubelet would read an immutable one only once.
  expect(api.secret(NAMESPACE, nameOf(job))).not.toHaveProperty("immutable");
});

test("answers a delivery without waiting for the token", async () => {
  const { api, fake, isValid, start } = await world();
  fake.fault = (call) => (call.includes("tokens") ? { status: 503 } : undefined);
  const dispatcher = await start();
  const job = fake.schedule();
  expect(await dispatcher.send("job.scheduled", job)).toEqual(HAS_JOB);
  expect(api.secrets()).toEqual([]);
  fake.fault = () => undefined;
  await expect.poll(() => isValid(job)).toBe(true);
});

test("has a valid token for a Pod, however late it starts", async () => {
  const { fake, isValid, start, pass } = await world({ reservationSeconds: 300 });
  const dispatcher = await start();
  const job = fake.schedule();
  await expect.poll(() => isValid(job)).toBe(true);
  for (let minute = 1; minute <= 12; minute++) {
    pass(60_000);
    expect(isValid(job)).toBe(true);
    await untilNextPass(dispatcher);
  }
  expect(await dispatcher.metric("curfew_dispatch_agent_tokens_total", { outcome: "renewed" })).toBeGreaterThan(2);
});

test("gives a suspended Job no token, but keeps its job reserved; it gets one when it's resumed", async () => {
  const { api, fake, isValid, start, pass } = await world({
    template: { spec: { ...TEMPLATE.spec, suspend: true } },
  });
  const dispatcher = await start();
  const job = fake.schedule();
  await dispatcher.send("job.scheduled", job);
  for (let minute = 1; minute <= 6; minute++) {
    pass(60_000);
    await untilNextPass(dispatcher);
    expect(fake.stateOf(job)).toBe("reserved");
  }
  expect(api.secrets()).toEqual([]);
  expect(fake.calls.filter((call) => call.includes("tokens"))).toEqual([]);
  api.setSuspended(NAMESPACE, nameOf(job), false);
  await expect.poll(() => isValid(job)).toBe(true);
});

test("takes the token away from a Job that's suspended before its agent has started", async () => {
  const { api, fake, isValid, start } = await world();
  await start();
  const job = fake.schedule();
  await expect.poll(() => isValid(job)).toBe(true);
  api.setSuspended(NAMESPACE, nameOf(job), true);
  await expect.poll(() => api.secrets()).toEqual([]);
  api.setSuspended(NAMESPACE, nameOf(job), false);
  await expect.poll(() => isValid(job)).toBe(true);
});

test("repairs what a dispatcher left that died between the Job and its Secret", async () => {
  const { api, fake, isValid, start, pass } = await world();
  fake.fault = (call) => (call.includes("tokens") ? { status: 503 } : undefined);
  const gone = await start();
  const job = fake.schedule();
  await gone.send("job.scheduled", job);
  gone.close();
  const other = await start();
  fake.fault = () => undefined;
  await untilNextPass(other);
  expect(api.secrets()).toEqual([]);
  pass(10_000);
  await expect.poll(() => isValid(job)).toBe(true);
});

test("repairs it at once if kubelet says that the Secret is missing", async () => {
  const { api, fake, isValid, start } = await world();
  fake.fault = (call) => (call.includes("tokens") ? { status: 503 } : undefined);
  const gone = await start();
  const job = fake.schedule();
  await gone.send("job.scheduled", job);
  gone.close();
  fake.fault = () => undefined;
  await start();
  putPod(api, job);
  await expect.poll(() => isValid(job)).toBe(true);
});

test("deletes a Job whose Pod has waited a minute for a token though its job is over", async () => {
  const { api, fake, isValid, start, pass } = await world();
  const dispatcher = await start();
  const job = fake.schedule();
  await expect.poll(() => isValid(job)).toBe(true);
  fake.acquire(job.id);
  fake.start(job.id);
  fake.finish(job.id, 0);
  // Kubelet starts the agent's container again.
  putPod(api, job);
  await untilNextPass(dispatcher);
  await untilNextPass(dispatcher);
  expect(api.jobs()).toHaveLength(1);
  pass(60_000);
  await expect.poll(() => api.jobs()).toEqual([]);
});

test("replaces a Secret that has the Job's name already", async () => {
  const { api, fake, isValid, start } = await world();
  const job = fake.schedule({ id: "01990000-0000-4000-8000-00000000abcd" });
  await fetch(`${api.url}/api/v1/namespaces/${NAMESPACE}/secrets`, {
    method: "POST",
    body: JSON.stringify({ metadata: { name: nameOf(job) }, data: { token: "b2xk" } }),
  });
  expect(tokenOf(api, job)).toBe("old");
  await start();
  await expect.poll(() => isValid(job)).toBe(true);
});

test("deletes the Secret when the agent has started", async () => {
  const { api, fake, isValid, start } = await world();
  await start();
  const job = fake.schedule();
  await expect.poll(() => isValid(job)).toBe(true);
  fake.acquire(job.id);
  api.setStatus(NAMESPACE, nameOf(job), { ready: 1 });
  await expect.poll(() => api.secrets()).toEqual([]);
  expect(api.jobs()).toHaveLength(1);
});

test("says in one line that it isn't allowed to create Secrets, and loses no job", async () => {
  const { api, fake, isValid, start, pass } = await world();
  api.fault = ({ resource }) => (resource === "secrets" ? FORBIDDEN : undefined);
  const dispatcher = await start();
  const jobs = Array.from({ length: 20 }, () => fake.schedule());
  const forbidden = (): Promise<number> =>
    dispatcher.metric("curfew_dispatch_agent_tokens_total", { outcome: "forbidden" });
  await expect.poll(forbidden).toBeGreaterThan(0);
  await untilNextPass(dispatcher);
  const lines = dispatcher
    .log()
    .split("\n")
    .filter((line) => line.includes("not allowed to create Secrets"));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("cannot create resource");
  expect(api.jobs()).toHaveLength(20);
  expect(jobs.map((job) => fake.stateOf(job))).toEqual(jobs.map(() => "reserved"));
  api.fault = () => undefined;
  pass(30_000);
  await expect.poll(() => jobs.filter((job) => !isValid(job))).toEqual([]);
});

test("carries on if the API server fails to store a Secret", async () => {
  const { api, fake, isValid, start } = await world();
  let faults = 2;
  api.fault = ({ resource }) => (resource === "secrets" && faults-- > 0 ? { kind: "status", code: 500 } : undefined);
  const dispatcher = await start();
  const job = fake.schedule();
  await expect.poll(() => isValid(job)).toBe(true);
  expect(await dispatcher.metric("curfew_dispatch_agent_tokens_total", { outcome: "failed" })).toBe(2);
});

test("puts the tokens into their Secrets before it ends, if it's told to stop", async () => {
  const { fake, isValid, start } = await world();
  const dispatcher = await start();
  const job = fake.schedule();
  await dispatcher.send("job.scheduled", job);
  await dispatcher.drain(0, 5000);
  expect(isValid(job)).toBe(true);
});
