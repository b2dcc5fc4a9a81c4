/** The calls to Buildkite's Stacks API, and what the dispatcher makes of its answers. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import { StacksApi, type StacksApiOptions } from "../../../src/dispatch/buildkite/stacks-api.ts";
import type { StacksError } from "../../../src/dispatch/buildkite/stacks-error.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
} from "../../support/dispatch/dispatcher.ts";

function stackOf(fake: FakeBuildkite, options: Partial<StacksApiOptions> = {}): StacksApi {
  const { endpoint, agentToken, now } = fake;
  return new StacksApi({ endpoint, agentToken, stackKey: "curfew", queueKey: "kubernetes", now, ...options });
}

async function failureOf(call: Promise<unknown>): Promise<StacksError> {
  return call.then(
    () => Promise.reject(new Error("it didn't fail")),
    (error: unknown) => error as StacksError,
  );
}

test("an error has Buildkite's own message, in one line", async () => {
  const fake = await testBuildkite();
  fake.fault = () => ({ status: 422, message: "reservation_expiry_seconds\nis too long" });
  const error = await failureOf(stackOf(fake).reserve(["a"], 10_000));
  expect(error.message).toMatch(/batch-reserve: HTTP 422: reservation_expiry_seconds is too long$/);
});

test.each([
  ["a 429's RateLimit-Reset", 429, { "ratelimit-reset": "3" }, 3000],
  ["the longer of a 429's two headers", 429, { "ratelimit-reset": "1", "retry-after": "2" }, 2000],
  ["no RateLimit-Reset of another failure, because every answer has one", 503, { "ratelimit-reset": "1" }, undefined],
  ["another failure's Retry-After", 503, { "retry-after": "2" }, 2000],
  ["a minute at most, if it's asked to wait for an hour", 429, { "retry-after": "3600" }, 60_000],
  ["a minute at most, if it's asked to wait for a year", 429, { "retry-after": "31536000" }, 60_000],
  ["nothing that isn't a number", 429, { "retry-after": "soon" }, undefined],
])("waits for %s", async (_what, status, headers, pauseMs) => {
  const fake = await testBuildkite();
  fake.fault = () => ({ status, headers });
  expect((await failureOf(stackOf(fake).register())).retryAfterMs).toBe(pauseMs);
});

test("sends nothing while Buildkite wants a long pause, and says how long it is", async () => {
  const fake = await testBuildkite();
  const stack = stackOf(fake);
  fake.fault = () => ({ status: 429, headers: { "retry-after": "60" } });
  await failureOf(stack.register());
  const error = await failureOf(stack.register());
  expect(error.message).toMatch(/not sent, as Buildkite has asked for a pause: \d+ s are left/);
  expect(error.mayPass).toBe(true);
  expect(fake.calls).toHaveLength(1);
});

test("a token ends with its reservation, and says when", async () => {
  const now = Date.now();
  const fake = await testBuildkite(() => now);
  const stack = stackOf(fake);
  await stack.register();
  const job = fake.schedule();
  await stack.reserve([job.id], 300);
  const token = (await stack.issueTokens([job.id], 3600)).get(job.id);
  expect(token?.expiresAt).toBe(now + 300_000);
  expect((await stack.issueTokens([job.id], 60)).get(job.id)?.expiresAt).toBe(now + 60_000);
});

test("notes reach their builds, cut to what Buildkite accepts, and it logs why some didn't", async () => {
  const fake = await testBuildkite();
  const warnings: object[] = [];
  const limited = { warn: (_cause: string, fields: object) => void warnings.push(fields) };
  const stack = stackOf(fake, { limited });
  await stack.register();
  const job = fake.schedule();
  const unknown = { id: "unknown", detail: "never" };
  await stack.notify([{ id: job.id, detail: "x".repeat(1000) }, unknown, unknown]);
  expect(job.notifications.map(({ detail }) => detail)).toEqual(["x".repeat(256)]);
  expect(warnings).toEqual([{ reason: "job not found", notes: 2 }]);
});

test("a note is never cut in the middle of a character", async () => {
  const fake = await testBuildkite();
  const stack = stackOf(fake);
  await stack.register();
  const job = fake.schedule();
  await stack.notify([{ id: job.id, detail: `${"x".repeat(255)}🐳` }]);
  expect(job.notifications.map(({ detail }) => detail)).toEqual(["x".repeat(255)]);
});

test("takes a thousand notes and more", async () => {
  const fake = await testBuildkite();
  const stack = stackOf(fake);
  await stack.register();
  const jobs = Array.from({ length: 1500 }, () => fake.schedule());
  await stack.notify(jobs.map(({ id }) => ({ id, detail: "waiting" })));
  expect(jobs.every(({ notifications }) => notifications.length === 1)).toBe(true);
  expect(fake.calls.filter((call) => call === "POST /notifications")).toHaveLength(2);
});

test("the reason for a job's end is cut to Buildkite's 4 KB, whatever characters it has", async () => {
  const fake = await testBuildkite();
  const stack = stackOf(fake);
  await stack.register();
  const job = fake.schedule();
  await stack.reserve([job.id], 300);
  await stack.finish(job.id, "€".repeat(4000));
  expect(job.detail).toBe("€".repeat(1365));
});

test.each([
  ["ahead of", 400_000, 400],
  ["behind", -400_000, -400],
])("says so once if this machine's clock is %s Buildkite's", async (_what, offMs, seconds) => {
  const [api, fake] = [await testApiServer(), await testBuildkite(() => Date.now() - offMs)];
  const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake, 0.02)));
  await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(3);
  const skew = await dispatcher.metric("curfew_dispatch_clock_skew_seconds");
  expect(Math.abs(skew - seconds)).toBeLessThan(5);
  expect(dispatcher.log().match(/this machine's clock and Buildkite's differ/g)).toHaveLength(1);
});

test("doesn't say so if the clocks agree", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake, 0.02)));
  await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(1);
  expect(dispatcher.log()).not.toContain("clock");
});

test("a rate limit that isn't a finite number is none", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  fake.fault = () => (fake.calls.length < 5 ? { status: 503, headers: { "ratelimit-limit": "Infinity" } } : undefined);
  await testDispatcher(api, testConfig({}, stacksOf(fake, 0.02)));
  fake.schedule();
  await expect.poll(() => api.jobs()).toHaveLength(1);
});

test("`Retry-After: 3600` doesn't keep webhooks from their Jobs", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  fake.fault = () => ({ status: 503, headers: { "retry-after": "3600" } });
  const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake)));
  await expect.poll(() => dispatcher.log()).toContain("a reconcile pass failed");
  const answer = await dispatcher.send("job.scheduled", fake.schedule());
  expect(answer.body).toEqual({ outcome: "created" });
  expect(api.jobs()).toHaveLength(1);
});

test("an answer that isn't Buildkite's is an error that says where, and doesn't quote it", async () => {
  const server = createServer((_request, response) => response.end('{"jobs":"<html>"}'));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stack = new StacksApi({ endpoint, agentToken: "t", stackKey: "k", queueKey: "q" });
  const error = await failureOf(stack.listPage(undefined));
  expect(error.message).toContain("unexpected answer, at: jobs");
  expect(error.message).not.toContain("html");
});
