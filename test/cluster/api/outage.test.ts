import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accepted, create, pathOf, request } from "../support/api.ts";
import { createJob, podsOf } from "../support/jobs.ts";
import { kubectl } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { pod } from "../support/pods.ts";
import { until } from "../support/until.ts";
import { breakWebhooks } from "../support/webhooks.ts";

const namespace = testNamespace("outage");
const enabled = testNamespace("outage-enabled", { "curfew.sh/enabled": "true" });
const containers = [script("main", "true"), politeSidecar()];
const annotations = { "curfew.sh/main": "main" };

/** The Job controller makes them. It tries again if they're refused. */
const untilPods = (where: string, name: string) =>
  until(`the Job ${name} has a Pod`, async () => (await podsOf(where, name)).length > 0, 150);

describe("while no admission server answers", () => {
  let repair: () => Promise<void>;
  const inNamespace = { labels: {}, spec: { suspend: true } };
  beforeAll(async () => {
    accepted(await create(namespace, job("there", containers, { annotations, spec: { suspend: true } })));
    accepted(await create(enabled, job("there", containers, inNamespace)));
    accepted(await create(namespace, pod("there", containers)));
    repair = await breakWebhooks();
  });
  afterAll(async () => {
    await repair();
  });

  it.each([
    ["labelled Job", job("refused", containers), "jobs-labelled-enabled"],
    [
      "annotated Job",
      job("refused", containers, { labels: {}, annotations: { "curfew.sh/enabled": "true" } }),
      "jobs-annotated-enabled",
    ],
    ["labelled Pod", pod("refused", containers), "pods-labelled-enabled"],
  ])("a %s is refused in any namespace, with a message that says what must run", async (_, manifest, entry) => {
    for (const where of [namespace, enabled]) {
      const { status, stderr } = await kubectl(["create", "-n", where, "-f", "-"], JSON.stringify(manifest));
      expect(status).toBe(1);
      expect(stderr).toContain(`failed calling webhook "${entry}-need-curfew-running.curfew.sh"`);
    }
  });

  it("all other Jobs and Pods are created", async () => {
    expect((await create(namespace, job("plain", containers, { labels: {} }))).status).toBe(201);
    expect((await create(namespace, pod("plain", containers, { labels: {} }))).status).toBe(201);
    expect((await create(enabled, pod("plain", containers, { labels: {} }))).status).toBe(201);
  });

  it("Jobs that only their namespace opts in are created as they are, and so are their Pods", async () => {
    const created = await createJob(enabled, job("best-effort", containers, { labels: {} }));
    expect(JSON.stringify(created)).not.toContain("curfew.sh/injected");
    await untilPods(enabled, "best-effort");
  });

  it("the Pods of Jobs that were planned before are created", async () => {
    for (const where of [namespace, enabled]) {
      const path = pathOf("Job", where, "there");
      accepted(await request("PATCH", path, { spec: { suspend: false } }, "application/merge-patch+json"));
      await untilPods(where, "there");
    }
  });

  it("CronJobs of labelled Jobs are created", async () => {
    const { metadata, spec } = job("x", containers);
    const jobTemplate = { metadata: { labels: metadata.labels }, spec };
    const cronJob = {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "x" },
      spec: { schedule: "0 0 1 1 *", jobTemplate },
    };
    for (const where of [namespace, enabled]) expect((await create(where, cronJob)).status).toBe(201);
  });

  it.each(["Job", "Pod"])("an existing labelled %s can be changed and deleted", async (kind) => {
    const path = pathOf(kind, namespace, "there");
    const change = { metadata: { annotations: { note: "a" } }, ...(kind === "Job" && { spec: { suspend: true } }) };
    expect((await request("PATCH", path, change, "application/merge-patch+json")).status).toBe(200);
    expect((await request("DELETE", path)).status).toBe(200);
  });
});
