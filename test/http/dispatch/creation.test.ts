/** What happens to a delivery if the API server doesn't simply create the Job. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { JobCreator } from "../../../src/dispatch/jobs/job-creator.ts";
import { JobsApi } from "../../../src/dispatch/jobs/jobs-api.ts";
import { KubeClient } from "../../../src/kubernetes/client.ts";
import { listWatchOf } from "../../../src/kubernetes/list-watch.ts";
import type { AgentJob } from "../../../src/dispatch/jobs/plan-agent-job.ts";
import { listen } from "../../../src/http/listen.ts";
import type { ApiServer, Fault } from "../../../sim/api-server/api-server.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
} from "../../support/dispatch/dispatcher.ts";

const QUOTA = `jobs.batch "x" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=9, limited: 9`;

test.each<[string, Fault]>([
  ["is busy (429)", { kind: "status", code: 429 }],
  ["is busy and says for how long", { kind: "status", code: 429, retryAfterSeconds: 0 }],
  ["fails (500)", { kind: "status", code: 500 }],
  ["cannot call a webhook (500)", { kind: "status", code: 500, message: "failed calling webhook" }],
  ["has no quota left (403)", { kind: "status", code: 403, message: QUOTA }],
  ["has a conflict (409)", { kind: "status", code: 409, message: "Operation cannot be fulfilled on resourcequotas" }],
  ["hangs up", { kind: "hang-up" }],
])("still creates the Job if the API server %s twice", async (_what, fault) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  let faults = 2;
  api.fault = () => (faults-- > 0 ? fault : undefined);
  const answer = await dispatcher.send("job.scheduled", { id: randomUUID() });
  expect(answer).toEqual({ status: 200, body: { outcome: "created" } });
  expect(await dispatcher.metric("curfew_dispatch_create_retries_total")).toBe(2);
});

test("recognizes a Job that was created although the answer got lost", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  let faults = 1;
  api.fault = () => (faults-- > 0 ? { kind: "lost-answer" } : undefined);
  const id = randomUUID();
  expect((await dispatcher.send("job.scheduled", { id })).body).toEqual({ outcome: "duplicate" });
  expect(api.timesCreated(`buildkite-${id}`)).toBe(1);
});

test.each<[string, Fault]>([
  ["is down", { kind: "hang-up" }],
  ["stays busy", { kind: "status", code: 429, retryAfterSeconds: 3600 }],
  ["is too slow", { kind: "delay", ms: 3000 }],
])("answers 503 within its budget if the API server %s", async (_what, fault) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig({}, { webhook: { requestBudgetSeconds: 0.2 } }));
  api.fault = () => fault;
  const answer = await dispatcher.send("job.scheduled", { id: randomUUID() });
  expect(answer).toEqual({ status: 503, body: { outcome: "unavailable" } });
});

describe("a Job that is refused", () => {
  const REFUSAL = 'admission webhook "jobs.curfew.sh" denied the request: container "dind": no shell';

  test("is logged as an error with the reason, and answered with 500", async () => {
    const api = await testApiServer();
    const dispatcher = await testDispatcher(api, testConfig());
    api.fault = () => ({ kind: "status", code: 403, message: REFUSAL });
    const answer = await dispatcher.send("job.scheduled", { id: randomUUID() });
    expect(answer).toEqual({ status: 500, body: { outcome: "refused", reason: "refused" } });
    expect(dispatcher.log()).toContain("no shell");
    expect(await dispatcher.metric("curfew_dispatch_jobs_total", { outcome: "refused" })).toBe(1);
    expect(await dispatcher.metric("curfew_dispatch_create_retries_total")).toBe(0);
  });

  test.each(["queue", "acquire"] as const)("ends its Buildkite job with the reason, in %s mode", async (mode) => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    api.fault = ({ verb }) => (verb === "create" ? { kind: "status", code: 422, message: REFUSAL } : undefined);
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    const job = fake.schedule();
    await expect.poll(() => job.state).toBe("finished");
    expect(job).toMatchObject({ exitStatus: -1, runs: 0 });
    expect(job.detail).toContain(REFUSAL);
    // Once is enough, since the job is over.
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(4);
    expect(fake.calls.filter((call) => call.endsWith("/finish"))).toHaveLength(1);
  });
});

test.each<[string, number, Fault]>([
  ["are refused", 1, { kind: "status", code: 422, message: "spec.template: Required value" }],
  ["are forbidden", 1, { kind: "status", code: 403, message: 'User "x" cannot create resource "jobs"' }],
  // It can be down in several ways: no answer, half of one, or no turn.
  ["find no API server", 4, { kind: "hang-up" }],
])("a hundred creations that %s are %i lines in the log at most, without a stack", async (_what, most, fault) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig({}, { webhook: { requestBudgetSeconds: 1 } }));
  api.fault = ({ name }) =>
    fault.kind === "status" ? { ...fault, message: `jobs.batch "${name ?? ""}": ${fault.message ?? ""}` } : fault;
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => dispatcher.send("job.scheduled", { id: randomUUID() })),
  );
  expect(answers.every(({ status }) => status >= 500)).toBe(true);
  expect(dispatcher.log().trim().split("\n").length).toBeLessThanOrEqual(most);
  expect(dispatcher.log()).not.toContain('"stack"');
});

describe("a Job that has our name but isn't ours", () => {
  const foreign = (name: string, labels: Record<string, string> = {}) => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: "buildkite", labels },
    spec: { template: { spec: { containers: [{ name: "a", image: "a" }] } } },
  });
  const create = async (api: ApiServer, job: { metadata: { namespace: string } }): Promise<void> => {
    const url = `${api.url}/apis/batch/v1/namespaces/${job.metadata.namespace}/jobs`;
    expect((await fetch(url, { method: "POST", body: JSON.stringify(job) })).status).toBe(201);
  };

  test("is reported to Buildkite and in the log, and counted", async () => {
    const api = await testApiServer();
    const dispatcher = await testDispatcher(api, testConfig());
    const id = randomUUID();
    await create(api, foreign(`buildkite-${id}`));
    const answer = await dispatcher.send("job.scheduled", { id });
    expect(answer).toEqual({ status: 500, body: { outcome: "refused", reason: "name-taken" } });
    expect(dispatcher.log()).toContain("find out who did, and delete the Job");
    expect(await dispatcher.metric("curfew_dispatch_jobs_total", { outcome: "name-taken" })).toBe(1);
  });

  test.each(["queue", "acquire"] as const)("ends its Buildkite job with the reason, in %s mode", async (mode) => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const job = fake.schedule();
    await create(api, foreign(`buildkite-${job.id}`, { "curfew.sh/buildkite-job": randomUUID() }));
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    await expect.poll(() => job.state).toBe("finished");
    expect(job.detail).toContain(`The namespace buildkite already has a Job named buildkite-${job.id},`);
    expect(await dispatcher.metric("curfew_dispatch_jobs_total", { outcome: "name-taken" })).toBeGreaterThan(0);
  });
});

test("if the dispatcher itself lacks permission, the Buildkite job doesn't fail, and counts as waiting", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  const message =
    'jobs.batch is forbidden: User "system:serviceaccount:a:b" cannot create resource "jobs" in API group "batch"';
  api.fault = ({ verb }) => (verb === "create" ? { kind: "status", code: 403, message } : undefined);
  const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake)));
  const job = fake.schedule();
  await expect.poll(() => dispatcher.metric("curfew_dispatch_jobs_total", { outcome: "forbidden" })).toBeGreaterThan(1);
  expect(job.state).toBe("scheduled");
  expect(dispatcher.log()).toContain("not allowed to create Jobs");
  await expect.poll(() => dispatcher.metric("curfew_dispatch_waiting_jobs", { reason: "next-pass" })).toBe(1);
  api.fault = () => undefined;
  await expect.poll(() => api.jobs()).toHaveLength(1);
});

test("finishes the creations in progress when it's told to stop", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  let creating = 0;
  api.fault = () => {
    creating++;
    return { kind: "delay", ms: 200 };
  };
  const answers = Promise.all([1, 2, 3].map(() => dispatcher.send("job.scheduled", { id: randomUUID() })));
  await expect.poll(() => creating).toBe(3);
  await dispatcher.drain(0, 5000);
  expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(api.jobs()).toHaveLength(3);
  await expect(dispatcher.send("job.scheduled", { id: randomUUID() })).rejects.toThrow();
});

test("reuses its connection to the API server", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  for (let index = 0; index < 20; index++) await dispatcher.send("job.scheduled", { id: randomUUID() });
  expect(api.jobs()).toHaveLength(20);
  expect(api.connections()).toBe(1);
});

test("sends a template's unknown fields unchanged", async () => {
  const api = await testApiServer();
  const spec = {
    containers: [{ name: "agent", image: "a", fieldOfTheFuture: { deep: [1] } }],
    podFieldOfTheFuture: "x",
  };
  const template = {
    metadata: { labels: { "kueue.x-k8s.io/queue-name": "ci" } },
    spec: { jobFieldOfTheFuture: 7, template: { spec } },
  };
  const dispatcher = await testDispatcher(api, testConfig({ template }));
  await dispatcher.send("job.scheduled", { id: randomUUID() });
  const [job] = api.jobs();
  expect(job?.spec).toMatchObject({ jobFieldOfTheFuture: 7, template: { spec } });
  expect(job?.metadata.labels).toMatchObject(template.metadata.labels);
});

test("sends nothing for a Job if the time budget runs out before its turn", async () => {
  const api = await testApiServer();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig);
  const creator = new JobCreator(new JobsApi(new KubeClient(kubeConfig)), 1);
  api.fault = () => ({ kind: "delay", ms: 200 });
  const [first, second] = await Promise.all([
    creator.create(agentJob("first"), 5000),
    creator.create(agentJob("second"), 20),
  ]);
  expect(first).toMatchObject({ kind: "created" });
  expect(second).toMatchObject({ kind: "unavailable", why: "throttled" });
  expect(api.timesCreated("second")).toBe(0);
});

test("waits longer each time if a busy API server says to retry at once", async () => {
  const api = await testApiServer();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig);
  let asked = 0;
  api.fault = () => {
    asked++;
    return { kind: "status", code: 429, retryAfterSeconds: 0 };
  };
  const outcome = await new JobCreator(new JobsApi(new KubeClient(kubeConfig))).create(agentJob("busy"), 500);
  // Its last try can begin so late that there's no time for an answer.
  expect(outcome).toMatchObject({
    kind: "unavailable",
    why: expect.stringMatching(/^(throttled|unreachable)$/) as string,
  });
  expect(asked).toBeLessThan(6);
});

test.each(["list", "watch"] as const)("doesn't wait forever for a %s that the API server leaves open", async (verb) => {
  const api = await testApiServer();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig);
  const path = "/apis/batch/v1/namespaces/buildkite/jobs";
  const options = { path, what: "Jobs", query: {}, timeoutMs: 50, watchSeconds: 0.05 };
  const jobs = listWatchOf(new KubeClient(kubeConfig), options);
  const { signal } = new AbortController();
  if (verb === "list") {
    api.fault = () => ({ kind: "delay", ms: 60_000 });
    await expect(jobs.list(() => undefined, signal)).rejects.toThrow("no answer within");
    return;
  }
  const drain = async (): Promise<void> => {
    for await (const event of await jobs.watch("0", signal)) expect(event).toBeUndefined();
  };
  await expect(drain()).rejects.toThrow("no answer within");
});

test.each(["queue", "acquire"] as const)(
  "answers within the budget if Buildkite doesn't answer at all, in %s mode",
  async (mode) => {
    const [api, silent] = [await testApiServer(), createServer(() => undefined)];
    const port = await listen(silent, "127.0.0.1", 0);
    onTestFinished(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const stacks = { agentToken: { env: "AGENT_TOKEN" }, endpoint: `http://127.0.0.1:${port}` };
    const webhook = { requestBudgetSeconds: 2, lateAfterSeconds: 1 };
    const dispatcher = await testDispatcher(api, testConfig({ mode }, { stacks, webhook }));
    const began = performance.now();
    const { status } = await dispatcher.send("job.scheduled", { id: randomUUID(), scheduledAt: Date.now() - 5000 });
    // In queue mode, a late delivery that can't be checked gets a Job, since a Job too many ends by
    // itself. In acquire mode, a job that isn't reserved gets none.
    expect(status).toBe(mode === "queue" ? 200 : 503);
    expect(performance.now() - began).toBeLessThan(8000);
  },
);

function agentJob(name: string): AgentJob {
  const metadata = { name, namespace: "buildkite", labels: {}, annotations: {} };
  return { apiVersion: "batch/v1", kind: "Job", metadata, spec: { template: { spec: { containers: [{ name }] } } } };
}
