import { describe, expect, inject, it } from "vitest";
import { accepted, create, request, type Answer } from "../support/api.ts";
import { admissionRequests } from "../support/admission-requests.ts";
import type { Job } from "../support/jobs.ts";
import { kubectl } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("admission");
const main = { "curfew.sh/main": "main" };
const withSidecar = [script("main", "true"), politeSidecar()];
const refused = { name: "proxy", image: "registry.example.org/proxy:1" };

/** Nothing shows whether these are sidecars. */
const unclear = [script("backup", "true"), script("manager", "true")];

describe("a labelled Job", () => {
  it("is patched on its way through the API server, and stored with the patch", async () => {
    accepted(await create(namespace, job("patched", withSidecar, { annotations: main })));
    const { body } = await request<Job>("GET", `/apis/batch/v1/namespaces/${namespace}/jobs/patched`);
    expect(body.metadata.annotations).toMatchObject({ "curfew.sh/injected": "trap" });
    expect(body.spec.template.spec.containers.map(({ command }) => command?.at(-1))).toEqual(["curfew", "curfew"]);
  });

  it("is refused with a message that reaches kubectl's user unchanged", async () => {
    const manifest = JSON.stringify(
      job("refused", [script("main", "true"), refused], { annotations: { ...main, "curfew.sh/strategy": "trap" } }),
    );
    const { status, stderr } = await kubectl(["create", "-n", namespace, "-f", "-"], manifest);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /admission webhook "jobs-labelled-enabled-need-curfew-running\.curfew\.sh" denied the request: /,
    );
    expect(stderr).toContain("proxy");
    expect(stderr).toContain("registry.example.org/proxy:1");
    expect(stderr).toContain("command.curfew.sh/proxy");
  });

  it("gets its warnings shown by kubectl", async () => {
    const { status, stderr } = await kubectl(
      ["create", "-n", namespace, "-f", "-"],
      JSON.stringify(job("mistyped", withSidecar, { annotations: { "curfew.sh/mian": "main" } })),
    );
    expect(stderr).toMatch(
      /^Warning: Curfew doesn't know the annotation "curfew\.sh\/mian", .*: did you mean "curfew\.sh\/main"\?$/m,
    );
    expect(status).toBe(0);
  });

  it("is refused if nothing shows which containers are sidecars, with lines to paste", async () => {
    const { status, stderr } = await kubectl(
      ["create", "-n", namespace, "-f", "-"],
      JSON.stringify(job("unclear", unclear)),
    );
    expect(status).toBe(1);
    expect(stderr).toContain(`can't tell whether "backup" and "manager" are sidecars`);
    expect(stderr).toContain('curfew.sh/main: "backup,manager"');
    expect(stderr).toContain('curfew.sh/sidecars: "manager"');
  });

  it("can leave its name to the API server", async () => {
    const { metadata, ...rest } = job("", withSidecar, { annotations: main });
    const unnamed = { labels: metadata.labels, annotations: metadata.annotations };
    const created = accepted(
      await create(namespace, { ...rest, metadata: { ...unnamed, generateName: "generated-" } }),
    );
    expect(created.metadata).toMatchObject({ annotations: { "curfew.sh/injected": "trap" } });
    expect(created.metadata.name).toMatch(/^generated-/);
  });

  it("can be 1.3 MB large", async () => {
    const env = Array.from({ length: 1300 }, (_, index) => ({ name: `LARGE_${index}`, value: "x".repeat(1000) }));
    const large = job("large", [script("main", "true", { env }), politeSidecar()], { annotations: main });
    expect(JSON.stringify(large).length).toBeGreaterThan(1_300_000);
    expect(accepted(await create(namespace, large)).metadata).toMatchObject({
      annotations: { "curfew.sh/injected": "trap" },
    });
  });

  it("is also patched in a dry run", async () => {
    const { body } = await create(namespace, job("dry", withSidecar, { annotations: main }), "?dryRun=All");
    expect(body.metadata).toMatchObject({ annotations: { "curfew.sh/injected": "trap" } });
    expect((await request("GET", `/apis/batch/v1/namespaces/${namespace}/jobs/dry`)).status).toBe(404);
  });

  it("keeps fields that Curfew doesn't know", async () => {
    const pod = {
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "x", whenUnsatisfiable: "ScheduleAnyway" }],
      resources: { limits: { cpu: "1" } },
    };
    const { spec } = accepted(
      (await create(namespace, job("unknown", withSidecar, { annotations: main, pod }))) as unknown as Answer<Job>,
    );
    expect(spec.template.spec).toMatchObject(pod);
  });
});

describe("the webhook is never called", () => {
  const annotations = main;
  const unlabelled = { labels: {} };

  it("for a Job without the label, created, updated or deleted", async () => {
    const before = await admissionRequests(inject("opsUrl"));
    accepted(await create(namespace, job("plain", withSidecar, unlabelled)));
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/plain`;
    accepted(await request("PATCH", path, { metadata: { annotations: { a: "b" } } }, "application/merge-patch+json"));
    accepted(await request("DELETE", path));
    expect(await admissionRequests(inject("opsUrl"))).toBe(before);
  });

  it("for a label with another value", async () => {
    const before = await admissionRequests(inject("opsUrl"));
    accepted(await create(namespace, job("disabled", withSidecar, { labels: { "curfew.sh/enabled": "false" } })));
    expect(await admissionRequests(inject("opsUrl"))).toBe(before);
  });

  it("for a Job in kube-system", async () => {
    const before = await admissionRequests(inject("opsUrl"));
    accepted(await create("kube-system", job("system", withSidecar, { annotations }), "?dryRun=All"));
    expect(await admissionRequests(inject("opsUrl"))).toBe(before);
  });

  it("for a Job in Curfew's own namespace", async () => {
    const before = await admissionRequests(inject("opsUrl"));
    accepted(await create(ownNamespace, job("own", withSidecar, { annotations }), "?dryRun=All"));
    expect(await admissionRequests(inject("opsUrl"))).toBe(before);
  });

  it("when the Job controller updates the status of an injected Job", async () => {
    accepted(await create(namespace, job("status", withSidecar, { annotations })));
    const before = await admissionRequests(inject("opsUrl"));
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/status/status`;
    accepted(await request("PATCH", path, { status: { active: 1, ready: 1 } }, "application/merge-patch+json"));
    expect(await admissionRequests(inject("opsUrl"))).toBe(before);
  });

  const ownNamespace = testNamespace("own", { "curfew.sh/excluded": "true" });
});

describe("a CronJob whose Jobs are labelled", () => {
  const cronJob = (name: string, containers: readonly object[], annotations = {}) => {
    const { metadata, spec } = job(name, containers, { annotations });
    const jobTemplate = { metadata: { labels: metadata.labels, annotations }, spec };
    return {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name },
      spec: { schedule: "0 0 1 1 *", jobTemplate },
    };
  };

  it("gets its Jobs' warnings when it's applied, and isn't changed", async () => {
    const { status, stderr } = await kubectl(
      ["apply", "-n", namespace, "-f", "-"],
      JSON.stringify(cronJob("warned", withSidecar, { "curfew.sh/mian": "main" })),
    );
    expect(stderr).toMatch(/^Warning: Curfew doesn't know the annotation "curfew\.sh\/mian"/m);
    expect(status).toBe(0);
    const { body } = await request("GET", `/apis/batch/v1/namespaces/${namespace}/cronjobs/warned`);
    expect(JSON.stringify(body)).not.toContain("curfew.sh/injected");
  });

  it("is refused if its Jobs would be, with the same message", async () => {
    const { status, stderr } = await kubectl(
      ["apply", "-n", namespace, "-f", "-"],
      JSON.stringify(cronJob("unclear", unclear)),
    );
    expect(status).toBe(1);
    expect(stderr).toContain('curfew.sh/main: "backup,manager"');
  });

  it("gets a warning if the label is on the CronJob itself, where it has no effect", async () => {
    const { spec } = job("mislabelled", withSidecar, { labels: {} });
    const metadata = { name: "mislabelled", labels: { "curfew.sh/enabled": "true" } };
    const manifest = {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata,
      spec: { schedule: "0 0 1 1 *", jobTemplate: { spec } },
    };
    const { status, stderr } = await kubectl(["apply", "-n", namespace, "-f", "-"], JSON.stringify(manifest));
    expect(stderr).toContain("Warning: The label curfew.sh/enabled on a CronJob has no effect");
    expect(status).toBe(0);
  });

  it("is refused if its Jobs name a main that doesn't exist", async () => {
    const bad = cronJob("refused", withSidecar, { "curfew.sh/main": "nobody" });
    const { status, stderr } = await kubectl(["apply", "-n", namespace, "-f", "-"], JSON.stringify(bad));
    expect(status).toBe(1);
    expect(stderr).toContain("nobody");
  });
});
