/**
 * A namespace that's opted in, with Jobs as charts make them, and a Job that's opted in by an
 * annotation because its chart takes no labels.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { accepted, create, type Answer } from "../support/api.ts";
import { createJob, endOf, getJob, outputOf, statusOf, untilEnded, untilPod, type Job } from "../support/jobs.ts";
import { kubectl, kubectlOutput } from "../support/kubectl.ts";
import { ENABLED, job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { until } from "../support/until.ts";

const optedIn = testNamespace("opted-in");
const plain = testNamespace("not-opted-in");

const UNLABELLED = { labels: {} };
const annotationsOf = ({ metadata }: Job): Readonly<Record<string, string>> => metadata.annotations ?? {};

/** A hook of a Helm chart that has no value for labels of its Job. */
const hook = (name: string, annotations: Readonly<Record<string, string>> = {}) => ({
  ...job(name, [script("migrate", "sleep 1; echo migrated"), politeSidecar("cloud-sql-proxy")]),
  metadata: {
    name,
    labels: { "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "shop" },
    annotations: { "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "-5", ...annotations },
  },
});

beforeAll(async () => {
  await kubectlOutput(["label", "namespace", optedIn, "curfew.sh/enabled=true"]);
  // The API server sees a label of a namespace a moment later.
  await until("a Job of the namespace is patched", async () => {
    const { body } = await create(optedIn, hook("trial"), "?dryRun=All");
    return "curfew.sh/injected" in annotationsOf(body as unknown as Job);
  });
});

/** The Job's main container has ended, but its sidecar runs on: so it would forever. */
async function expectHanging(namespace: string, name: string, main: string, sidecar: string): Promise<void> {
  const pod = await untilPod(
    namespace,
    name,
    `${main} ended`,
    (pod) => statusOf(pod, main)?.state.terminated !== undefined,
  );
  expect(endOf(pod, main).exitCode).toBe(0);
  expect(statusOf(pod, sidecar)?.state.running).toBeDefined();
  expect((await getJob(namespace, name)).status).toMatchObject({ active: 1 });
}

describe.concurrent("in a namespace with the label", () => {
  it("a chart's Job completes, and its sidecar gets TERM, and time to stop", async ({ expect }) => {
    await createJob(optedIn, hook("migrate"));
    const { outcome, job: ended, pod } = await untilEnded(optedIn, "migrate");
    expect(outcome).toBe("Complete");
    expect(annotationsOf(ended)).toMatchObject({ "curfew.sh/injected": "trap" });
    expect([endOf(pod, "migrate").exitCode, endOf(pod, "cloud-sql-proxy").exitCode]).toEqual([0, 0]);
    expect(await outputOf(optedIn, pod, "cloud-sql-proxy")).toBe("started\nstopping\nstopped\n");
  });

  it("so does a CronJob's Job", async ({ expect }) => {
    const { metadata, spec } = hook("nightly");
    const jobTemplate = { metadata: { annotations: {} }, spec };
    const cronJob = { schedule: "0 0 1 1 *", jobTemplate };
    accepted(await create(optedIn, { apiVersion: "batch/v1", kind: "CronJob", metadata, spec: cronJob }));
    await kubectlOutput(["create", "job", "-n", optedIn, "--from=cronjob/nightly", "now"]);
    expect((await untilEnded(optedIn, "now")).outcome).toBe("Complete");
  });

  it("a Job that fails shows main's exit code", async ({ expect }) => {
    const containers = [script("main", "exit 7"), politeSidecar("proxy")];
    await createJob(optedIn, job("fails", containers, UNLABELLED));
    const { outcome, pod } = await untilEnded(optedIn, "fails");
    expect(outcome).toBe("Failed");
    expect([endOf(pod, "main").exitCode, endOf(pod, "proxy").exitCode]).toEqual([7, 0]);
  });

  it("a Job that's opted in by label and annotation, too, is planned once", async ({ expect }) => {
    const containers = [script("main", "true"), politeSidecar("proxy")];
    await createJob(optedIn, job("thrice", containers, { annotations: ENABLED }));
    const { outcome, job: ended, pod } = await untilEnded(optedIn, "thrice");
    expect(outcome).toBe("Complete");
    expect(annotationsOf(ended)).toMatchObject({ "curfew.sh/injected": "trap" });
    const volumes = (pod.spec as unknown as { volumes: { name: string }[] }).volumes;
    expect(volumes.filter(({ name }) => name === "tmp-pod")).toHaveLength(1);
  });

  it("a Job whose roles are unclear is left alone, with a warning, and ends by itself", async ({ expect }) => {
    const manifest = job("unclear", [script("backup", "sleep 1"), script("manager", "sleep 2")], UNLABELLED);
    const { status, stderr } = await kubectl(["create", "-n", optedIn, "-f", "-"], JSON.stringify(manifest));
    expect([status, stderr]).toEqual([0, expect.stringContaining('curfew.sh/main: "backup,manager"')]);
    const { outcome, job: ended, pod } = await untilEnded(optedIn, "unclear");
    expect(outcome).toBe("Complete");
    expect(annotationsOf(ended)).not.toHaveProperty(["curfew.sh/injected"]);
    expect(pod.spec.containers.map(({ command }) => command)).toEqual(
      manifest.spec.template.spec.containers.map((container) => (container as { command: string[] }).command),
    );
  });

  it.for(["label", "annotation"])('a Job is left alone if its %s says "false"', async (where, { expect }) => {
    const out = { "curfew.sh/enabled": "false" };
    const name = `opted-out-by-${where}`;
    const manifest = hook(name, where === "annotation" ? out : {});
    if (where === "label") Object.assign(manifest.metadata.labels, out);
    const created = await createJob(optedIn, manifest);
    expect(annotationsOf(created)).not.toHaveProperty(["curfew.sh/injected"]);
    await expectHanging(optedIn, name, "migrate", "cloud-sql-proxy");
  });
});

describe.concurrent("in a namespace without it", () => {
  it("the chart's Job hangs: its sidecar runs on when main has ended", async ({ expect }) => {
    const created = await createJob(plain, hook("migrate"));
    expect(annotationsOf(created)).not.toHaveProperty(["curfew.sh/injected"]);
    await expectHanging(plain, "migrate", "migrate", "cloud-sql-proxy");
  });

  it("a chart's Job completes if it's opted in by an annotation", async ({ expect }) => {
    const created = accepted((await create(plain, hook("annotated", ENABLED))) as unknown as Answer<Job>);
    expect(created.metadata.labels).not.toHaveProperty(["curfew.sh/enabled"]);
    const { outcome, job: ended, pod } = await untilEnded(plain, "annotated");
    expect(outcome).toBe("Complete");
    expect(annotationsOf(ended)).toMatchObject({ "curfew.sh/injected": "trap" });
    expect([endOf(pod, "migrate").exitCode, endOf(pod, "cloud-sql-proxy").exitCode]).toEqual([0, 0]);
    expect(await outputOf(plain, pod, "cloud-sql-proxy")).toBe("started\nstopping\nstopped\n");
  });
});
