import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { SECRET, testApiServer, testConfig, testDispatcher } from "../../support/dispatch/dispatcher.ts";
import { signatureOf, webhookPayload } from "../../../sim/buildkite/webhook.ts";

test("answers job.scheduled once its Job exists", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const id = randomUUID();
  expect(await dispatcher.send("job.scheduled", { id })).toEqual({ status: 200, body: { outcome: "created" } });
  const [job] = api.jobs();
  expect(job?.metadata).toMatchObject({
    name: `buildkite-${id}`,
    namespace: "buildkite",
    labels: { "curfew.sh/enabled": "true", "curfew.sh/buildkite-job": id, "curfew.sh/buildkite-pipeline": "web" },
    annotations: { "buildkite.com/build-url": `https://buildkite.com/acme/web/builds/7#${id}` },
  });
});

test("makes one Job of repeated deliveries, even if they come at the same moment", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const job = { id: randomUUID() };
  const answers = await Promise.all(Array.from({ length: 20 }, () => dispatcher.send("job.scheduled", job)));
  answers.push(await dispatcher.send("job.scheduled", job));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(answers.filter(({ body }) => (body as { outcome: string }).outcome === "created")).toHaveLength(1);
  expect(api.jobs()).toHaveLength(1);
});

test("makes no Job if job.finished came before job.scheduled", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const job = { id: randomUUID() };
  await dispatcher.send("job.finished", { ...job, state: "finished" });
  expect(await dispatcher.send("job.scheduled", job)).toEqual({
    status: 200,
    body: { outcome: "ignored", reason: "over" },
  });
  expect(api.jobs()).toEqual([]);
});

test.each(["canceled", "finished"] as const)("makes no Job if the payload says that the job is %s", async (state) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const answer = await dispatcher.send("job.scheduled", { id: randomUUID(), state });
  expect(answer.body).toEqual({ outcome: "ignored", reason: "over" });
  expect(api.jobs()).toEqual([]);
});

test("makes a Job if the state is newer than the event, but not terminal", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const payload = webhookPayload("job.scheduled", { id: randomUUID() });
  (payload["job"] as Record<string, unknown>)["state"] = "assigned";
  const answer = await post(dispatcher.url, JSON.stringify(payload));
  expect(answer).toEqual({ status: 200, body: { outcome: "created" } });
});

test.each([
  ["another queue", { rules: ["queue=windows"] }, "other-queue"],
  ["tags that no template serves", { rules: ["queue=kubernetes", "gpu=true"] }, "unserved-tags"],
])("ignores a job with %s", async (_what, job, reason) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const answer = await dispatcher.send("job.scheduled", { id: randomUUID(), ...job });
  expect(answer).toEqual({ status: 200, body: { outcome: "ignored", reason } });
  expect(api.jobs()).toEqual([]);
});

test.each([
  ["ping", { event: "ping" }, "ping"],
  ["a build's event", { event: "build.finished", build: { id: "x" } }, "other-event"],
  ["an event that doesn't exist yet", { event: "moon.risen" }, "other-event"],
  ["a job that needs no agent", scheduledWith({ type: "waiter" }), "not-a-script"],
])("answers %s with 200 and does nothing", async (_what, payload, reason) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  expect(await post(dispatcher.url, JSON.stringify(payload))).toEqual({
    status: 200,
    body: { outcome: "ignored", reason },
  });
  expect(api.jobs()).toEqual([]);
});

test("names the field, but not its content, if a job's UUID is invalid", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const answer = await post(dispatcher.url, JSON.stringify(scheduledWith({ id: "../../secrets" })));
  expect(answer.status).toBe(400);
  expect(dispatcher.log()).toContain("job.id");
  expect(dispatcher.log()).not.toContain("secrets");
});

const TEMPLATE = { spec: { template: { spec: { containers: [{ name: "agent", image: "a" }] } } } };
const BODY = JSON.stringify({ event: "ping" });
const NOW = Math.floor(Date.now() / 1000);

test.each([
  ["no signature", {}, BODY, 401],
  ["a forged signature", { "x-buildkite-signature": signatureOf("guess", NOW, BODY) }, BODY, 401],
  ["a signature for another body", { "x-buildkite-signature": signatureOf(SECRET, NOW, "{}") }, BODY, 401],
  ["a replay after the window", { "x-buildkite-signature": signatureOf(SECRET, NOW - 301, BODY) }, BODY, 401],
  ["a token instead of a signature", { "x-buildkite-token": SECRET }, BODY, 401],
  ["another content type", { "content-type": "text/plain", ...signed(BODY) }, BODY, 415],
  ["a compressed body", { "content-encoding": "gzip", ...signed(BODY) }, BODY, 415],
  ["a body that isn't JSON", signed("{"), "{", 400],
  ["no body", signed(""), "", 400],
  ["more than a megabyte", signed("x"), "x".repeat(1024 * 1024 + 1), 413],
])("refuses %s with an error in JSON, and serves the next delivery", async (_what, headers, body, status) => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig());
  const refused = await post(dispatcher.url, body, headers);
  expect(refused.status).toBe(status);
  expect(refused.body).toHaveProperty("error");
  expect((await post(dispatcher.url, BODY)).status).toBe(200);
});

test.each([
  ["behind", 400, "was signed 400 s in the future", -400],
  ["ahead", -400, "was signed 400 s ago", 400],
])("a clock that's %s says so to Buildkite, in the log and in the metrics", async (_what, offset, text, skew) => {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const dispatcher = await testDispatcher(await testApiServer(), testConfig(), () => now);
  const timestamp = now / 1000 + offset;
  const { status, body } = await post(dispatcher.url, BODY, {
    "x-buildkite-signature": signatureOf(SECRET, timestamp, BODY),
  });
  expect(status).toBe(401);
  expect(JSON.stringify(body)).toContain(text);
  expect(JSON.stringify(body)).toContain("check the clock");
  expect(dispatcher.log()).toContain(text);
  expect(Math.abs((await dispatcher.metric("curfew_dispatch_clock_skew_seconds")) - skew)).toBeLessThan(10);
});

test("a forged signature says nothing about the clock", async () => {
  const dispatcher = await testDispatcher(await testApiServer(), testConfig());
  const { status, body } = await post(dispatcher.url, BODY, {
    "x-buildkite-signature": signatureOf("guess", 1, BODY),
  });
  expect({ status, body }).toEqual({ status: 401, body: { error: "signature-mismatch" } });
  expect(await dispatcher.metric("curfew_dispatch_clock_skew_seconds")).toBe(0);
});

test("the log names the tags that no template serves, once, cleaned and cut", async () => {
  const dispatcher = await testDispatcher(
    await testApiServer(),
    testConfig({ templates: [{ tags: { size: "large" }, template: TEMPLATE }] }),
  );
  const rules = ["queue=kubernetes", "gpu=true", `note=a\n\u202eb${"x".repeat(1000)}`];
  for (let index = 0; index < 3; index++) await dispatcher.send("job.scheduled", { id: randomUUID(), rules });
  const lines = dispatcher.log().split("\n");
  const unserved = lines.filter((line) => line.includes("unserved-tags"));
  expect(unserved).toHaveLength(1);
  expect(JSON.parse(unserved[0] ?? "")).toMatchObject({
    level: "warn",
    queue: "kubernetes",
    tags: ["gpu=true", `note=a b${"x".repeat(91)}`],
    templates: [["size=large"], []],
  });
});

test("accepts a delivery signed with either of two secrets", async () => {
  const config = testConfig();
  const rotating = { ...config, webhook: { ...config.webhook, secrets: ["the old one", "the new one"] } };
  const dispatcher = await testDispatcher(await testApiServer(), rotating);
  for (const secret of rotating.webhook.secrets) {
    const headers = { "x-buildkite-signature": signatureOf(secret, NOW, BODY) };
    expect((await post(dispatcher.url, BODY, headers)).status).toBe(200);
  }
});

test("accepts the plain token only if the webhook is set up that way", async () => {
  const dispatcher = await testDispatcher(await testApiServer(), testConfig({}, { webhook: { method: "token" } }));
  expect((await post(dispatcher.url, BODY, { "x-buildkite-token": SECRET })).status).toBe(200);
  expect((await post(dispatcher.url, BODY, { "x-buildkite-token": `${SECRET}x` })).status).toBe(401);
  expect((await post(dispatcher.url, BODY, signed(BODY))).status).toBe(401);
});

test("answers an unknown path with 404", async () => {
  const dispatcher = await testDispatcher(await testApiServer(), testConfig());
  const response = await fetch(new URL("/webhooks/github", dispatcher.url), { method: "POST" });
  expect(response.status).toBe(404);
});

test("never logs what's in a payload", async () => {
  const api = await testApiServer();
  const dispatcher = await testDispatcher(api, testConfig({}, { webhook: { requestBudgetSeconds: 1 } }));
  const canary = (value: unknown): unknown => {
    if (typeof value === "string") return `${value}-canary`;
    if (Array.isArray(value)) return value.map(canary);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, canary(inner)]));
  };
  const payload = canary(webhookPayload("job.scheduled", { id: randomUUID() })) as Record<
    string,
    Record<string, unknown>
  >;
  Object.assign(payload["build"] ?? {}, { env: { TOKEN: "canary" }, meta_data: { note: "canary" } });
  Object.assign(payload["pipeline"] ?? {}, { env: { TOKEN: "canary" } });
  // These fields decide what happens. They must be valid, or nothing happens that could be logged.
  const job = {
    id: randomUUID(),
    type: "script",
    agent_query_rules: ["queue=kubernetes"],
    cluster_id: null,
    cluster_queue_id: null,
  };
  Object.assign(payload, { event: "job.scheduled" });
  Object.assign(payload["job"] ?? {}, job);
  const answers = [
    await post(dispatcher.url, JSON.stringify(payload)),
    await post(dispatcher.url, JSON.stringify(payload)),
  ];
  // Deliveries that are refused, fail or are malformed take other paths, which log other lines.
  for (const fault of [{ kind: "status", code: 422 }, { kind: "status", code: 500 }, { kind: "hang-up" }] as const) {
    api.fault = () => fault;
    Object.assign(payload["job"] ?? {}, { id: randomUUID() });
    answers.push(await post(dispatcher.url, JSON.stringify(payload)));
  }
  Object.assign(payload["job"] ?? {}, { id: "canary", agent_query_rules: "canary" });
  answers.push(await post(dispatcher.url, JSON.stringify(payload)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 500, 503, 503, 400]);
  expect(dispatcher.log()).toContain("created the Job");
  expect(dispatcher.log()).not.toContain("canary");
  expect(JSON.stringify(answers)).not.toContain("canary");
  expect(await dispatcher.registry.metrics()).not.toContain("canary");
});

function scheduledWith(job: Record<string, unknown>): Record<string, unknown> {
  const payload = webhookPayload("job.scheduled", { id: randomUUID() });
  return { ...payload, job: { ...(payload["job"] as object), ...job } };
}

function signed(body: string): Record<string, string> {
  return { "x-buildkite-signature": signatureOf(SECRET, Math.floor(Date.now() / 1000), body) };
}

async function post(
  url: string,
  body: string,
  headers: Record<string, string> = signed(body),
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: response.status, body: await response.json() };
}
