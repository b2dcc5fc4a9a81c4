/** What an operator sees if the dispatcher can't see a namespace's Jobs. */
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { listen } from "../../../src/http/listen.ts";
import type { Fault } from "../../../sim/api-server/api-server.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
} from "../../support/dispatch/dispatcher.ts";

const FORBIDDEN: Fault = {
  kind: "status",
  code: 403,
  message:
    'jobs.batch is forbidden: User "system:serviceaccount:curfew-system:curfew-dispatch" cannot list resource "jobs" in API group "batch" in the namespace "builds"',
};
const PASSES = "curfew_dispatch_reconcile_passes_total";
const SYNCED = "curfew_dispatch_view_synced";

test("a namespace that it isn't allowed to see makes it not ready, fails its passes and is one line in the log", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  let lists = 0;
  api.fault = ({ verb, resource }) => {
    if (verb !== "list" || resource !== "jobs") return undefined;
    lists++;
    return FORBIDDEN;
  };
  fake.schedule();
  const dispatcher = await testDispatcher(api, testConfig({ namespace: "builds" }, stacksOf(fake)));
  await dispatcher.untilTried(10_000);
  expect(dispatcher.readiness().ready).toBe(false);
  expect(JSON.stringify(dispatcher.readiness())).toMatch(
    /cannot list Jobs in builds: 403 .*: check that the namespace builds exists, and that it has the Role/,
  );
  await expect.poll(() => dispatcher.metric(PASSES, { outcome: "failed" }), { timeout: 40_000 }).toBeGreaterThan(4);
  const lag = (): Promise<number> => dispatcher.metric("curfew_dispatch_reconcile_lag_seconds");
  const before = await lag();
  await expect.poll(lag).toBeGreaterThan(before);
  await expect.poll(() => lists).toBeGreaterThan(1);
  expect(await dispatcher.metric(PASSES, { outcome: "done" })).toBe(0);
  expect(await dispatcher.metric(SYNCED, { jobs_namespace: "builds", kind: "Jobs" })).toBe(0);
  const lines = dispatcher.log().split("\n");
  expect(lines.filter((line) => line.includes("cannot see Jobs"))).toHaveLength(1);
  expect(lines.filter((line) => line.includes("a reconcile pass failed"))).toHaveLength(1);
  expect(dispatcher.log()).not.toContain('"stack"');
  expect(api.jobs()).toEqual([]);

  api.fault = () => undefined;
  await expect.poll(() => api.jobs(), { timeout: 20_000 }).toHaveLength(1);
  expect(dispatcher.readiness()).toEqual({ ready: true });
  await expect.poll(() => dispatcher.metric(SYNCED)).toBe(3); // Jobs, Pods and Events
  await expect.poll(() => dispatcher.metric(PASSES, { outcome: "done" })).toBeGreaterThan(0);
  expect(dispatcher.log()).toContain("sees Jobs again");
}, 90_000);

test("an API server that's down doesn't make it unready, as webhooks would be lost", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  api.fault = () => ({ kind: "hang-up" });
  const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake)));
  await dispatcher.untilTried(10_000);
  expect(dispatcher.readiness()).toEqual({ ready: true });
  await expect.poll(() => dispatcher.log()).toContain("cannot list or watch Jobs");
  expect(dispatcher.log()).not.toContain('"stack"');
});

test("a refusal after the first view leaves it ready, but the metric and the log show it", async () => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake)));
  await expect.poll(() => dispatcher.metric(SYNCED)).toBe(3);
  api.fault = ({ verb }) => (verb === "list" || verb === "watch" ? FORBIDDEN : undefined);
  api.dropWatches();
  await expect.poll(() => dispatcher.metric(SYNCED), { timeout: 10_000 }).toBe(0);
  expect(dispatcher.readiness()).toEqual({ ready: true });
  await expect.poll(() => dispatcher.log()).toContain("cannot see Jobs: check that the namespace buildkite exists");
}, 30_000);

test.each(["pods", "events"] as const)("%s that it isn't allowed to see make it not ready, too", async (resource) => {
  const [api, fake] = [await testApiServer(), await testBuildkite()];
  api.fault = (request) => (request.resource === resource ? FORBIDDEN : undefined);
  const dispatcher = await testDispatcher(api, testConfig({ namespace: "builds" }, stacksOf(fake)));
  await dispatcher.untilTried(10_000);
  expect(JSON.stringify(dispatcher.readiness())).toMatch(new RegExp(`cannot list ${resource} in builds: 403`, "i"));
  await expect.poll(() => dispatcher.metric(SYNCED)).toBe(2);
});

test("without the Stacks API it needs no view, and has none", async () => {
  const api = await testApiServer();
  api.fault = () => FORBIDDEN;
  const dispatcher = await testDispatcher(api, testConfig());
  await dispatcher.untilTried(10_000);
  expect(dispatcher.readiness()).toEqual({ ready: true });
  expect(await dispatcher.registry.metrics()).not.toContain(`${SYNCED}{`);
});

test.each([
  ["HTML", "<html>Sign in</html>"],
  ["an empty object", "{}"],
  ["null", "null"],
  ["a list of other things", '{"metadata":{"resourceVersion":"1"},"items":[{},3]}'],
  ["a list, where events are due", '{"metadata":{"resourceVersion":"1","name":"a","uid":"1"},"items":[]}\n'],
])("a proxy that answers %s instead is an outage, not a bug", async (_what, text) => {
  const proxy = createServer((_request, response) => response.writeHead(200).end(text));
  const port = await listen(proxy, "127.0.0.1", 0);
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  const fake = await testBuildkite();
  const config = testConfig({}, { webhook: { requestBudgetSeconds: 0.2 }, ...stacksOf(fake) });
  const kubeconfig = JSON.parse((await testApiServer()).kubeconfig) as { clusters: { cluster: { server: string } }[] };
  for (const { cluster } of kubeconfig.clusters) cluster.server = `http://127.0.0.1:${port}`;
  const dispatcher = await testDispatcher({ kubeconfig: JSON.stringify(kubeconfig) }, config);
  await dispatcher.send("job.scheduled", fake.schedule());
  await expect.poll(() => dispatcher.log()).toContain("cannot list or watch Jobs");
  expect(dispatcher.readiness()).toEqual({ ready: true });
  expect(dispatcher.log()).not.toContain('"stack"');
  expect(dispatcher.log()).not.toContain("bug");
});
