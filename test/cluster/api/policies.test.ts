/** The ValidatingAdmissionPolicies: what holds even where the webhook's failurePolicy is Ignore, or another webhook undoes its work. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, pathOf, request } from "../support/api.ts";
import { createJob, type Job } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { addWebhook, pauseWebhooks } from "../support/webhooks.ts";

const namespace = testNamespace("policies");
const annotations = { "curfew.sh/main": "main" };
const containers = [script("main", "true"), politeSidecar()];

describe("with the webhook out of the way", () => {
  let resume: () => Promise<void>;
  let patched: Job;
  beforeAll(async () => {
    patched = await createJob(namespace, job("patched", containers, { annotations, spec: { suspend: true } }));
    resume = await pauseWebhooks();
  });
  afterAll(async () => {
    await resume();
  });

  it("an opted-in Job without Curfew's marker is refused", async () => {
    const { status, body } = await create(namespace, job("unmarked", containers));
    expect(status).toBe(403);
    expect(body.message).toContain("Curfew's webhook has not seen it");
  });

  for (const marker of ["trap", "native"]) {
    it(`an opted-in Job that only says ${marker} is refused`, async () => {
      const { status, body } = await create(
        namespace,
        job("claims", containers, { annotations: { "curfew.sh/injected": marker } }),
      );
      expect(status).toBe(403);
      expect(body.message).toContain(`says curfew.sh/injected: ${marker}`);
    });

    it(`a Pod of a Job that only says ${marker} is refused`, async () => {
      const pod = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: "claims",
          labels: { "batch.kubernetes.io/job-name": "x" },
          annotations: { "curfew.sh/injected": marker },
        },
        spec: { containers },
      };
      const { status, body } = await create(namespace, pod);
      expect(status).toBe(403);
      expect(body.message).toContain(`says curfew.sh/injected: ${marker}`);
    });
  }

  it("the Pod of a patched Job is let through", async () => {
    const { metadata, spec } = patched.spec.template;
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: "of-patched" }, spec };
    expect((await create(namespace, pod, "?dryRun=All")).status).toBe(201);
  });

  it("other Jobs and Pods are none of their business", async () => {
    expect((await create(namespace, job("plain", containers, { labels: {} }))).status).toBe(201);
    expect(
      (await create(namespace, { apiVersion: "v1", kind: "Pod", metadata: { name: "plain" }, spec: { containers } }))
        .status,
    ).toBe(201);
  });

  it("a Job that is there can lose its marker, its status, its finalizers and itself", async () => {
    const path = pathOf("Job", namespace, "patched");
    const patch = async (target: string, body: object) =>
      (await request("PATCH", target, body, "application/merge-patch+json")).status;
    expect(
      await patch(path, { metadata: { annotations: { "curfew.sh/injected": null }, finalizers: ["example.org/f"] } }),
    ).toBe(200);
    expect(await patch(`${path}/status`, { status: { ready: 0 } })).toBe(200);
    expect(await patch(path, { metadata: { finalizers: null } })).toBe(200);
    expect((await request("DELETE", `${path}?propagationPolicy=Background`)).status).toBe(200);
    expect((await request("GET", path)).status).toBe(404);
  });
});

describe("a webhook that drops restartPolicy from native sidecars", () => {
  const native = { "curfew.sh/main": "main", "curfew.sh/strategy": "native" };

  it("on Jobs is caught, and named as what it is", async () => {
    const remove = await addWebhook("zz-strips", "jobs", (object) => {
      const path = "/spec/template/spec/initContainers/0/restartPolicy";
      return (object as Job).spec.template.spec.initContainers?.[0]?.restartPolicy === undefined
        ? []
        : [{ op: "remove", path }];
    });
    try {
      const { status, body } = await create(namespace, job("stripped", containers, { annotations: native }));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body.message).toMatch(/restartPolicy/);
      expect(body.message).toMatch(/another|other/);
    } finally {
      await remove();
    }
  });

  it("on Pods is caught, and the Job's events tell of it", async () => {
    const remove = await addWebhook("zz-strips", "pods", (object) => {
      const { spec } = object as { spec: { initContainers?: { restartPolicy?: string }[] } };
      const path = "/spec/initContainers/0/restartPolicy";
      return spec.initContainers?.[0]?.restartPolicy === undefined ? [] : [{ op: "remove", path }];
    });
    try {
      const { template } = (await createJob(namespace, job("pod-stripped", containers, { annotations: native }))).spec;
      expect(template.spec.initContainers?.[0]?.restartPolicy).toBe("Always");
      const pod = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { ...template.metadata, name: "stripped" },
        spec: template.spec,
      };
      const { status, body } = await create(namespace, pod);
      expect(status).toBe(403);
      expect(body.message).toContain("Another admission webhook drops that field");
    } finally {
      await remove();
    }
  });
});
