/** `curfew scan` against a real API server. There's no kubelet, so the tests set the Pods' statuses. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../../../src/cluster/scan/report.ts";
import { endedAt, RUNNING, type Status } from "../../support/cluster/pods.ts";
import { accepted, connect, create, pathOf, request } from "../support/api.ts";
import { curfew } from "../support/curfew.ts";
import { untilPod } from "../support/jobs.ts";
import { ENABLED, job, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("scan");
const folder = mkdtempSync(path.join(tmpdir(), "curfew-scan-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString().replace(/\.\d+/, "");
const resources = { requests: { cpu: "500m", memory: "1Gi" } };
const containers = [script("app", "true", { resources }), script("sql-proxy", "sleep 1000", { resources })];

/** A Job whose Pod the real Job controller makes; its containers get these states. */
async function createWith(name: string, states: Readonly<Record<string, Status>>, labels = {}): Promise<void> {
  accepted(await create(namespace, job(name, containers, { labels })));
  const pod = await untilPod(namespace, name, "is there", () => true);
  const containerStatuses = Object.entries(states).map(([each, state]) => {
    return { name: each, image: "busybox:1", imageID: "", ready: false, restartCount: 0, state };
  });
  const status = { phase: "Running", containerStatuses };
  const statusPath = `${pathOf("Pod", namespace, pod.metadata.name)}/status`;
  accepted(await request("PATCH", statusPath, { status }, "application/merge-patch+json"));
}

async function scan(args: readonly string[], env = {}) {
  const { status, stdout, stderr } = await curfew(["scan", "-o", "json", ...args], env);
  return { status, stderr, report: (stdout === "" ? undefined : JSON.parse(stdout)) as Report | undefined };
}

/** A kubeconfig of a new ServiceAccount that may list what a scan needs in `namespace`. */
async function restricted(name: string): Promise<string> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const account = { kind: "ServiceAccount", name, namespace };
  const rules = [
    { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: ["list"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  ];
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  accepted(await request("POST", accounts, { metadata: { name } }));
  accepted(await request("POST", `${rbac}/namespaces/${namespace}/roles`, { metadata: { name }, rules }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
  const binding = { metadata: { name }, subjects: [account], roleRef };
  accepted(await request("POST", `${rbac}/namespaces/${namespace}/rolebindings`, binding));
  const answer = await request<{ status: { token: string } }>("POST", `${accounts}/${name}/token`, { spec: {} });
  const { server, agent } = connect();
  const cluster = { server, "certificate-authority-data": (agent.options.ca as Buffer).toString("base64") };
  const file = path.join(folder, name);
  const config = {
    clusters: [{ name: "test", cluster }],
    users: [{ name, user: { token: accepted(answer).status.token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: name, namespace } }],
    "current-context": "test",
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

describe("curfew scan", () => {
  beforeAll(async () => {
    await Promise.all([
      createWith("hangs", { app: endedAt(HOUR_AGO), "sql-proxy": RUNNING }),
      createWith("works", { app: RUNNING, "sql-proxy": endedAt(HOUR_AGO) }),
      createWith("injected", { app: endedAt(HOUR_AGO), "sql-proxy": endedAt(HOUR_AGO) }, ENABLED),
    ]);
    const { spec } = job("", [script("a", "true"), script("b", "true")], { labels: {} });
    const jobTemplate = { spec };
    const nightly = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "nightly" } };
    accepted(await create(namespace, { ...nightly, spec: { schedule: "0 3 * * *", suspend: true, jobTemplate } }));
  });

  it("names the Job that hangs, and no other, and says what Curfew would do", async () => {
    const { status, report } = await scan(["-n", namespace, "--fail"]);
    expect(report?.hanging).toMatchObject([
      {
        job: "hangs",
        certainty: "certain",
        left: [{ name: "sql-proxy", state: "running" }],
        cpuCores: 1,
        memoryGiB: 2,
      },
    ]);
    expect(report?.hanging[0]?.coreHours).toBeGreaterThanOrEqual(1);
    const rows = Map.groupBy(report?.workloads ?? [], ({ outcome }) => outcome);
    const paste = ['curfew.sh/main: "a,b"', 'curfew.sh/sidecars: "b"'];
    expect(rows.get("unclear")).toMatchObject([{ kind: "CronJob", name: "nightly", paste }]);
    expect(rows.get("trap")).toMatchObject([{ kind: "Job", jobs: 2, optedIn: false }]);
    expect(rows.get("injected")).toMatchObject([{ kind: "Job", name: "injected", optedIn: true }]);
    expect(report?.totals).toMatchObject({ jobs: 3, cronJobs: 1, pods: 3 });
    expect(status).toBe(1);
  });

  it("needs no more than to list Jobs, CronJobs and Pods in one namespace", async () => {
    const { status, report } = await scan([], { KUBECONFIG: await restricted("in-one") });
    expect(report).toMatchObject({ namespace, hanging: [{ job: "hangs" }] });
    expect(status).toBe(0);
  });

  it("skips and names what it isn't allowed to list in a namespace, if it's allowed to list Namespaces", async () => {
    const file = await restricted("in-one-of-all");
    const none = await scan(["-A"], { KUBECONFIG: file });
    expect(none.status).toBe(2);
    expect(none.stderr).toMatch(
      /^curfew scan: .*cannot list CronJobs: 403 .*You're not allowed to list Namespaces, either: name one with -n\n$/,
    );

    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const rules = [{ apiGroups: [""], resources: ["namespaces"], verbs: ["list"] }];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: namespace };
    const subjects = [{ kind: "ServiceAccount", name: "in-one-of-all", namespace }];
    const named = { metadata: { name: namespace } };
    try {
      accepted(await request("POST", `${rbac}/clusterroles`, { ...named, rules }));
      accepted(await request("POST", `${rbac}/clusterrolebindings`, { ...named, roleRef, subjects }));
      await expect
        .poll(async () => (await scan(["-A"], { KUBECONFIG: file })).report)
        .toMatchObject({
          namespace: null,
          hanging: [{ job: "hangs" }],
          skipped: expect.arrayContaining([
            {
              namespace: "default",
              kinds: ["CronJobs", "Jobs", "Pods"],
              message: expect.stringContaining("cannot list CronJobs in default: 403") as string,
            },
          ]) as unknown,
        });
    } finally {
      await request("DELETE", `${rbac}/clusterrolebindings/${namespace}`);
      await request("DELETE", `${rbac}/clusterroles/${namespace}`);
    }
  });
});
