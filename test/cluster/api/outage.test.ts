import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accepted, create, pathOf, request } from "../support/api.ts";
import { kubectl } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { breakWebhooks } from "../support/webhooks.ts";

const namespace = testNamespace("outage");
const containers = [script("main", "true"), politeSidecar()];
const annotations = { "curfew.sh/main": "main" };

describe("while no admission server answers", () => {
  let repair: () => Promise<void>;
  beforeAll(async () => {
    accepted(await create(namespace, job("there", containers, { annotations, spec: { suspend: true } })));
    repair = await breakWebhooks();
  });
  afterAll(async () => {
    await repair();
  });

  it("a labelled Job is refused, with a message that says what must run", async () => {
    const { status, stderr } = await kubectl(
      ["create", "-n", namespace, "-f", "-"],
      JSON.stringify(job("refused", containers)),
    );
    expect(status).toBe(1);
    expect(stderr).toContain('failed calling webhook "jobs-labelled-enabled-need-curfew-running.curfew.sh"');
  });

  it("all other Jobs are created", async () => {
    expect((await create(namespace, job("plain", containers, { labels: {} }))).status).toBe(201);
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
    expect((await create(namespace, cronJob)).status).toBe(201);
  });

  it("existing labelled Jobs can be annotated, resumed and deleted", async () => {
    const path = pathOf("Job", namespace, "there");
    const change = { metadata: { annotations: { note: "a" } }, spec: { suspend: false } };
    expect((await request("PATCH", path, change, "application/merge-patch+json")).status).toBe(200);
    expect((await request("DELETE", path)).status).toBe(200);
  });
});
