/** The dispatcher's limits and rights, with the real API server and the real Job controller. */
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { createAgents } from "../../../sim/buildkite/agents.ts";
import { stacksOf, testBuildkite, testConfig, testDispatcher } from "../../support/dispatch/dispatcher.ts";
import { accepted, create, pathOf, request } from "../support/api.ts";
import type { Job } from "../support/jobs.ts";
import { testNamespace } from "../support/namespace.ts";
import { playKubelet } from "../support/pods-without-kubelet.ts";
import { watch } from "../support/watch.ts";

const LIMIT = 10;
const JOBS = 66;
const READY = { timeout: 20_000 };
const admin = { kubeconfig: readFileSync(process.env["KUBECONFIG"] ?? "", "utf8") };

/** The most Jobs that were ever unfinished, in the order in which the API server stored it all. */
function countMost(namespace: string): () => number {
  const stop = new AbortController();
  const unfinished = new Set<string>();
  let most = 0;
  void (async () => {
    for await (const { type, object } of watch<Job>(pathOf("Job", namespace), stop.signal)) {
      if (type === "DELETED" || hasEnded(object)) unfinished.delete(object.metadata.uid);
      else unfinished.add(object.metadata.uid);
      most = Math.max(most, unfinished.size);
    }
  })();
  onTestFinished(() => {
    stop.abort();
  });
  return () => most;
}

function hasEnded({ status }: Job): boolean {
  return status.conditions?.some((one) => /^(Complete|Failed)$/.test(one.type) && one.status === "True") ?? false;
}

describe.for(["queue", "acquire"] as const)("in %s mode", (mode) => {
  const namespace = testNamespace(`limits-${mode}`);

  it("two dispatchers exceed maxInFlight by one Job at most, and all jobs run", { timeout: 180_000 }, async () => {
    const fake = await testBuildkite();
    const agents = createAgents(fake, { startMs: () => 50, runMs: () => 500, idleMs: 2000 });
    const stop = new AbortController();
    const kubelet = playKubelet(namespace, agents, stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await kubelet;
    });
    const most = countMost(namespace);
    const config = testConfig(
      { mode, namespace, maxInFlight: LIMIT },
      { webhook: { requestBudgetSeconds: 8 }, ...stacksOf(fake, 1) },
    );
    const replicas = await Promise.all([testDispatcher(admin, config), testDispatcher(admin, config)]);
    for (const { metric } of replicas) await expect.poll(() => metric("curfew_dispatch_view_synced"), READY).toBe(3);
    // So late that Buildkite is asked first, in queue mode.
    const scheduledAt = Date.now() - 3_600_000;
    const jobs = Array.from({ length: JOBS }, () => fake.schedule({ scheduledAt }));
    await Promise.all(jobs.map(async (job, index) => await replicas[index % 2]?.send("job.scheduled", job)));
    await expect.poll(() => jobs.filter(({ state }) => state !== "finished"), { timeout: 150_000 }).toEqual([]);
    console.log(`${mode} mode, ${JOBS} jobs, maxInFlight ${LIMIT}: ${most()} unfinished Jobs at most`);
    expect(most()).toBeLessThanOrEqual(LIMIT + 1);
    expect(jobs.map(({ runs }) => runs)).toEqual(jobs.map(() => 1));
  });
});

describe("a namespace", () => {
  const namespace = testNamespace("rights");

  it("that has somebody else's Job with our name fails the build with a reason", { timeout: 60_000 }, async () => {
    const fake = await testBuildkite();
    const job = fake.schedule();
    const spec = {
      suspend: true,
      template: { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "a" }] } },
    };
    const metadata = { name: `buildkite-${job.id}` };
    accepted(await create(namespace, { apiVersion: "batch/v1", kind: "Job", metadata, spec }));
    const dispatcher = await testDispatcher(admin, testConfig({ namespace }, stacksOf(fake, 1)));
    await expect.poll(() => job.state, READY).toBe("finished");
    expect(job.detail).toContain(`The namespace ${namespace} already has a Job named buildkite-${job.id},`);
    expect(await dispatcher.metric("curfew_dispatch_jobs_total", { outcome: "name-taken" })).toBeGreaterThan(0);
  });

  it("that it isn't allowed to see makes it not ready, until it has its Role", { timeout: 90_000 }, async () => {
    const fake = await testBuildkite();
    const job = fake.schedule();
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    const { body } = await request<{ status: { token: string } }>("POST", `${account}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {},
    });
    const kubeconfig = parse(admin.kubeconfig) as { users: { user: object }[] };
    for (const each of kubeconfig.users) each.user = { token: body.status.token };
    const config = testConfig({ namespace }, stacksOf(fake, 1));
    const dispatcher = await testDispatcher({ kubeconfig: JSON.stringify(kubeconfig) }, config);
    await dispatcher.untilTried(20_000);
    expect(JSON.stringify(dispatcher.readiness())).toMatch(
      new RegExp(`cannot list Jobs in ${namespace}: 403 .*: check that the namespace ${namespace} exists`),
    );
    await expect
      .poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total", { outcome: "failed" }), READY)
      .toBeGreaterThan(0);
    expect(dispatcher.log()).not.toContain('"stack"');
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const rules = [
      { apiGroups: ["batch"], resources: ["jobs"], verbs: ["create", "get", "list", "watch", "delete"] },
      { apiGroups: [""], resources: ["pods", "events"], verbs: ["get", "list", "watch"] },
    ];
    accepted(await request("POST", `${rbac}/roles`, { metadata: { name: "dispatch" }, rules }));
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "dispatch" };
    const subjects = [{ kind: "ServiceAccount", name: "default", namespace }];
    accepted(await request("POST", `${rbac}/rolebindings`, { metadata: { name: "dispatch" }, roleRef, subjects }));
    await expect.poll(() => dispatcher.readiness().ready, { timeout: 60_000 }).toBe(true);
    await expect
      .poll(async () => (await request("GET", pathOf("Job", namespace, `buildkite-${job.id}`))).status, READY)
      .toBe(200);
  });
});
