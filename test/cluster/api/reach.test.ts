/**
 * Each entry of manifests/base/webhooks.yaml is called for what it's there for, and for nothing
 * else. The calls are counted between the API server and Curfew.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accepted, create, pathOf, request, type Answer } from "../support/api.ts";
import { countCalls, type CountedCalls } from "../support/counted-calls.ts";
import { createJob, getJob, podsOf, untilEnded, type Pod } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { createPod, pod } from "../support/pods.ts";
import { until } from "../support/until.ts";
import { addWebhook } from "../support/webhooks.ts";

const LABELLED_JOB = "jobs-labelled-enabled-need-curfew-running";
const ANNOTATED_JOB = "jobs-annotated-enabled-need-curfew-running";
const JOB_IN_NAMESPACE = "jobs-in-enabled-namespaces";
const JOB_UPDATE = "updates-of-injected-jobs";
const CRON_JOB = "cronjobs-of-enabled-jobs";
const CRON_JOB_IN_NAMESPACE = "cronjobs-in-enabled-namespaces";
const LABELLED_POD = "pods-labelled-enabled-need-curfew-running";
const POD_UPDATE = "updates-of-injected-pods";
const ADDED_TO_JOBS_POD = "containers-added-to-pods-of-jobs";
const ADDED_TO_POD = "containers-added-to-pods";

const NAME = "curfew.sh/enabled";
const plain = testNamespace("reach");
const enabled = testNamespace("reach-enabled", { [NAME]: "true" });
const disabled = testNamespace("reach-disabled", { [NAME]: "false" });
const excluded = testNamespace("reach-excluded", { [NAME]: "true", "curfew.sh/excluded": "true" });
const containers = [script("main", "true"), politeSidecar()];

let calls: CountedCalls;
beforeAll(async () => {
  calls = await countCalls();
});
afterAll(async () => {
  await calls.stop();
});

/** Creates it without storing it, and returns the entries that were called. */
async function callsToCreate(
  namespace: string,
  manifest: { readonly kind: string; readonly metadata: { readonly name?: string; readonly generateName?: string } },
): Promise<readonly string[]> {
  const { name, generateName = "" } = manifest.metadata;
  await create(namespace, manifest, "?dryRun=All");
  return calls.of(manifest.kind as "Job", namespace, name ?? generateName.replace(/-$/, ""));
}

const says = (value: string | undefined): Record<string, string> => (value === undefined ? {} : { [NAME]: value });

/**
 * An API server whose cache is behind tries a patch on what it has, and then again on what's stored,
 * each time with all calls (k8s.io/apiserver, GuaranteedUpdate in pkg/storage/etcd3/store.go). A read
 * that names a version waits until the cache has it.
 */
async function patch(path: string, body: object, type: "merge-patch" | "json-patch"): Promise<void> {
  const object = path.replace(/\/status$/, "");
  await until("the API server's cache has caught up", async () => {
    const { resourceVersion = "" } = (await request("GET", object)).body.metadata;
    return (await request("GET", `${object}?resourceVersion=${resourceVersion}`)).status === 200;
  });
  accepted(await request("PATCH", path, body, `application/${type}+json`));
}

const mergePatch = (path: string, body: object): Promise<void> => patch(path, body, "merge-patch");

describe.concurrent("a new Job", () => {
  it.each([
    // label, annotation, in a plain namespace, in an enabled one
    [undefined, undefined, [], [JOB_IN_NAMESPACE]],
    ["true", undefined, [LABELLED_JOB], [LABELLED_JOB]],
    [undefined, "true", [ANNOTATED_JOB], [ANNOTATED_JOB]],
    ["true", "true", [LABELLED_JOB], [LABELLED_JOB]],
    ["false", undefined, [], []],
    [undefined, "false", [], []],
    ["false", "false", [], []],
    // These contradict themselves, so Curfew refuses them.
    ["true", "false", [LABELLED_JOB], [LABELLED_JOB]],
    ["false", "true", [ANNOTATED_JOB], [ANNOTATED_JOB]],
    // Neither "true" nor "false".
    ["yes", undefined, [], [JOB_IN_NAMESPACE]],
    [undefined, "True", [], [JOB_IN_NAMESPACE]],
    ["yes", "true", [ANNOTATED_JOB], [ANNOTATED_JOB]],
    ["true", "", [LABELLED_JOB], [LABELLED_JOB]],
  ])("with label %j and annotation %j is reviewed once or not at all", async (label, annotation, ...expected) => {
    const slugOf = (value = "none"): string => value.replace("True", "capital") || "empty";
    const name = `${slugOf(label)}-${slugOf(annotation)}`;
    const manifest = job(name, containers, { labels: says(label), annotations: says(annotation) });
    expect([await callsToCreate(plain, manifest), await callsToCreate(enabled, manifest)]).toEqual(expected);
    expect(await callsToCreate(disabled, manifest)).toEqual(expected[0]);
    expect(await callsToCreate(excluded, manifest)).toEqual([]);
    expect(await callsToCreate("kube-system", manifest)).toEqual([]);
  });

  const hundred = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`example.org/key-${at}`, `${at}`]));
  it.each([
    ["no annotations", undefined],
    ["null for annotations", null],
    ["an empty map", {}],
    ["a hundred annotations", hundred],
    ["odd values", { "example.org/a": "", b: "\u0000\n\t", c: "'\"\\${}[]?", d: "ünïcödé ⏰", e: "x".repeat(200_000) }],
  ])("is neither refused nor missed if it has %s", async (what, annotations) => {
    const slug = what.replaceAll(" ", "-");
    const named = (name: string, more: object = {}) => {
      const { metadata, ...rest } = job(name, containers);
      return {
        ...rest,
        metadata: { name: metadata.name, labels: null, ...(annotations === undefined ? {} : { annotations }), ...more },
      };
    };
    for (const [namespace, manifest, expected] of [
      [plain, named(slug), []],
      [enabled, named(slug), [JOB_IN_NAMESPACE]],
      [plain, named(`${slug}-annotated`, { annotations: { ...annotations, [NAME]: "true" } }), [ANNOTATED_JOB]],
      [plain, named(`${slug}-labelled`, { labels: { [NAME]: "true" } }), [LABELLED_JOB]],
    ] as const) {
      const { status, body } = await create(namespace, manifest, "?dryRun=All");
      expect(body.message ?? "").toBe("");
      expect(status).toBe(201);
      expect(calls.of("Job", namespace, manifest.metadata.name)).toEqual(expected);
      const isInjected = JSON.stringify(body).includes('"curfew.sh/injected":"trap"');
      expect(isInjected).toBe(expected.length > 0);
    }
  });

  it("can leave its name to the API server in all three ways", async () => {
    const unnamed = (generateName: string, more: object = {}) => {
      const { metadata, ...rest } = job("", containers, { labels: {} });
      return { ...rest, metadata: { annotations: metadata.annotations, generateName, ...more } };
    };
    expect(await callsToCreate(plain, unnamed("none-"))).toEqual([]);
    expect(await callsToCreate(plain, unnamed("label-", { labels: says("true") }))).toEqual([LABELLED_JOB]);
    expect(await callsToCreate(plain, unnamed("annotation-", { annotations: says("true") }))).toEqual([ANNOTATED_JOB]);
    expect(await callsToCreate(enabled, unnamed("namespace-"))).toEqual([JOB_IN_NAMESPACE]);
  });
});

describe.concurrent("a CronJob", () => {
  const cronJob = (name: string, metadata: object, ofJobs: object) => ({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name, ...metadata },
    spec: {
      schedule: "0 0 1 1 *",
      jobTemplate: { metadata: ofJobs, spec: job(name, containers).spec },
    },
  });

  it.each([
    // its Jobs' metadata, its own, in a plain namespace, in an enabled one
    ["no-metadata", {}, {}, [], [CRON_JOB_IN_NAMESPACE]],
    ["null", { labels: null, annotations: null }, { labels: null, annotations: null }, [], [CRON_JOB_IN_NAMESPACE]],
    ["label", { labels: says("true") }, {}, [CRON_JOB], [CRON_JOB]],
    ["annotation", { annotations: says("true") }, {}, [CRON_JOB], [CRON_JOB]],
    ["both", { labels: says("true"), annotations: says("true") }, {}, [CRON_JOB], [CRON_JOB]],
    ["label-false", { labels: says("false") }, {}, [], []],
    ["annotation-false", { annotations: says("false") }, {}, [], []],
    // On the CronJob itself, where it has no effect. A warning says so.
    ["own-label", {}, { labels: says("true") }, [CRON_JOB], [CRON_JOB]],
    ["own-annotation", {}, { annotations: says("true") }, [CRON_JOB], [CRON_JOB]],
    ["own-label-false", {}, { labels: says("false") }, [], [CRON_JOB_IN_NAMESPACE]],
  ])("is reviewed once or not at all (%s)", async (name, ofJobs, own, ...expected) => {
    const manifest = cronJob(name, own, ofJobs);
    expect([await callsToCreate(plain, manifest), await callsToCreate(enabled, manifest)]).toEqual(expected);
    expect(await callsToCreate(excluded, manifest)).toEqual([]);
    expect(await callsToCreate("kube-system", manifest)).toEqual([]);
  });

  it.each([
    ["labelled Jobs", () => plain, { labels: says("true") }, CRON_JOB],
    ["Jobs in an enabled namespace", () => enabled, {}, CRON_JOB_IN_NAMESPACE],
  ] as const)("of %s is reviewed again only if its Jobs change", async (what, namespace, ofJobs, entry) => {
    const manifest = cronJob(`updated-${what.replaceAll(" ", "-")}`.toLowerCase(), {}, ofJobs);
    const { name } = manifest.metadata;
    accepted(await create(namespace(), manifest));
    const path = pathOf("CronJob", namespace(), name);
    await mergePatch(path, { metadata: { labels: { a: "b" } }, spec: { schedule: "0 0 1 2 *" } });
    await mergePatch(`${path}/status`, { status: { lastScheduleTime: new Date().toISOString() } });
    expect(calls.of("CronJob", namespace(), name)).toEqual([entry]);
    await mergePatch(path, { spec: { jobTemplate: { metadata: { annotations: { a: "b" } } } } });
    expect(calls.of("CronJob", namespace(), name)).toEqual([entry, entry]);
  });
});

describe.concurrent("a new Pod", () => {
  it.each([
    ["nothing", {}, {}, []],
    ["null for labels and annotations", null, null, []],
    ["the label", says("true"), {}, [LABELLED_POD]],
    [
      "the label and a hundred more",
      { ...says("true"), ...Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`key-${at}`, ""])) },
      null,
      [LABELLED_POD],
    ],
    ["the label with another value", says("yes"), {}, []],
    ["the label with the value false", says("false"), {}, []],
    ["the annotation, which is for Jobs", {}, says("true"), []],
    ["the label that's on Pods of planned Jobs", { "curfew.sh/injected": "trap" }, {}, [ADDED_TO_JOBS_POD]],
    ["both labels", { ...says("true"), "curfew.sh/injected": "trap" }, {}, [ADDED_TO_JOBS_POD]],
  ])("with %s is reviewed once or not at all, whatever its namespace", async (what, labels, annotations, expected) => {
    const { metadata, ...rest } = pod(what.replaceAll(/[^a-z]+/g, "-"), containers);
    const manifest = { ...rest, metadata: { name: metadata.name, labels, annotations } };
    expect(await callsToCreate(plain, manifest)).toEqual(expected);
    expect(await callsToCreate(enabled, manifest)).toEqual(expected);
    expect(await callsToCreate(excluded, manifest)).toEqual([]);
    expect(await callsToCreate("kube-system", manifest)).toEqual([]);
  });
});

describe.concurrent("an update", () => {
  const finalizers = ["example.org/finalizer"];

  it("of a Job that isn't opted in is never reviewed", async () => {
    await createJob(plain, job("not-opted-in", containers, { labels: {} }));
    const path = pathOf("Job", plain, "not-opted-in");
    await mergePatch(path, { metadata: { labels: { a: "b" }, annotations: { a: "b" }, finalizers } });
    await mergePatch(path, { metadata: { finalizers: null } });
    accepted(await request("DELETE", `${path}?propagationPolicy=Background`));
    expect(calls.of("Job", plain, "not-opted-in")).toEqual([]);
  });

  it.each([
    ["label", () => plain, { labels: says("true") }, LABELLED_JOB],
    ["annotation", () => plain, { labels: {}, annotations: says("true") }, ANNOTATED_JOB],
    ["namespace", () => enabled, { labels: {} }, JOB_IN_NAMESPACE],
  ] as const)(
    "of a Job that's opted in by its %s is reviewed only if its template, labels or annotations change",
    async (way, namespace, options, entry) => {
      const name = `updated-by-${way}`;
      await createJob(namespace(), job(name, containers, { ...options, spec: { suspend: true } }));
      const path = pathOf("Job", namespace(), name);
      // If the Job controller wrote at the same moment, the API server would do a patch again, calls
      // included.
      await until("the Job controller has seen that it's suspended", async () => {
        return (await getJob(namespace(), name)).status.conditions !== undefined;
      });
      await mergePatch(`${path}/status`, { status: { ready: 0 } });
      await mergePatch(path, { metadata: { finalizers }, spec: { parallelism: 2 } });
      await mergePatch(path, { metadata: { finalizers: null } });
      expect(calls.of("Job", namespace(), name)).toEqual([entry]);
      await mergePatch(path, { metadata: { labels: { a: "b" } } });
      await mergePatch(path, { metadata: { annotations: { a: "b" } } });
      expect(calls.of("Job", namespace(), name)).toEqual([entry, JOB_UPDATE, JOB_UPDATE]);
      accepted(await request("DELETE", `${path}?propagationPolicy=Background`));
      expect(calls.of("Job", namespace(), name)).toHaveLength(3);
    },
  );

  it("of a Pod that isn't opted in is never reviewed", async () => {
    for (const [name, labels] of [
      ["unlabelled", {}],
      ["opted-out", says("false")],
    ] as const) {
      await createPod(plain, pod(name, containers, { labels }));
      const path = pathOf("Pod", plain, name);
      await mergePatch(path, { metadata: { labels: { a: "b" }, annotations: { a: "b" }, finalizers } });
      await mergePatch(path, { metadata: { finalizers: null } });
      expect(calls.of("Pod", plain, name)).toEqual([]);
    }
  });

  it("of a Pod that's opted in is reviewed only if its spec, labels or annotations change", async () => {
    const name = "updated-pod";
    const { spec } = await createPod(plain, pod(name, containers));
    const path = pathOf("Pod", plain, name);
    await mergePatch(`${path}/status`, { status: { phase: "Pending", message: "as kubelet would" } });
    const conditions = [{ type: "Ready", status: "False" }];
    await mergePatch(`${path}/status`, { status: { conditions } });
    await mergePatch(path, { metadata: { finalizers } });
    await mergePatch(path, { metadata: { finalizers: null } });
    expect(calls.of("Pod", plain, name)).toEqual([LABELLED_POD]);
    await mergePatch(path, { metadata: { labels: { a: "b" } } });
    await mergePatch(path, { metadata: { annotations: { a: "b" } } });
    const image = [{ op: "replace", path: "/spec/containers/0/image", value: `${spec.containers[0]?.image ?? ""}2` }];
    await patch(path, image, "json-patch");
    expect(calls.of("Pod", plain, name)).toEqual([LABELLED_POD, POD_UPDATE, POD_UPDATE, POD_UPDATE]);
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name },
      target: { kind: "Node", name: "nowhere" },
    };
    accepted(await request("POST", `${path}/binding`, binding));
    expect(calls.of("Pod", plain, name)).toHaveLength(4);
  });
});

describe.concurrent("from its creation to its end", () => {
  it.each([
    ["labelled", () => plain, { labels: says("true") }, [LABELLED_JOB]],
    ["annotated", () => plain, { labels: {}, annotations: says("true") }, [ANNOTATED_JOB]],
    ["in-namespace", () => enabled, { labels: {} }, [JOB_IN_NAMESPACE]],
    ["opted-out", () => enabled, { labels: says("false") }, []],
    ["plain", () => plain, { labels: {} }, []],
  ] as const)(
    "a Job (%s) costs this call, and no others, not even for its Pod",
    async (what, namespace, options, forJob) => {
      const name = `life-${what}`;
      await createJob(namespace(), job(name, containers, options));
      const [made] = await until("the Job has a Pod", async () => {
        const pods = await podsOf(namespace(), name);
        return pods.length > 0 && pods;
      });
      const podName = made?.metadata.name ?? "";
      await mergePatch(`${pathOf("Pod", namespace(), podName)}/status`, { status: { phase: "Running" } });
      await mergePatch(`${pathOf("Pod", namespace(), podName)}/status`, { status: { phase: "Succeeded" } });
      expect((await untilEnded(namespace(), name)).outcome).toBe("Complete");
      await until("the Job controller has removed its finalizer from the Pod", async () => {
        const answer = (await request("GET", pathOf("Pod", namespace(), podName))) as unknown as Answer<Pod>;
        return (accepted(answer).metadata as { finalizers?: unknown }).finalizers === undefined;
      });
      // The Pod's name is generated, so before that it has only the Job's.
      expect(calls.of("Job", namespace(), name)).toEqual(forJob);
      expect([...calls.of("Pod", namespace(), name), ...calls.of("Pod", namespace(), podName)]).toEqual([]);
    },
  );
});

describe("a webhook that adds containers to Pods", () => {
  it("costs calls for the Pods that Curfew looks after, and for no others", async () => {
    const remove = await addWebhook("zz-adds", "pods", (object) => {
      const { metadata, spec } = object as Pod;
      const isOurs = metadata.name.startsWith("added-to-") && !spec.containers.some(({ name }) => name === "late");
      return isOurs ? [{ op: "add", path: "/spec/containers/-", value: politeSidecar("late") }] : [];
    });
    try {
      const { template } = (await createJob(plain, job("added-to", containers, { spec: { suspend: true } }))).spec;
      const { annotations } = template.metadata as { annotations: Record<string, string> };
      const labels = { "batch.kubernetes.io/job-name": "added-to", "curfew.sh/injected": "trap" };
      const ofJob = { ...pod("added-to-a-jobs", [], { labels, annotations }), spec: template.spec };
      expect(await callsToCreate(plain, ofJob)).toEqual([ADDED_TO_JOBS_POD]);
      // The last call is for what has changed since the first.
      const own = [LABELLED_POD, ADDED_TO_POD, LABELLED_POD];
      expect(await callsToCreate(plain, pod("added-to-labelled", containers))).toEqual(own);
      expect(await callsToCreate(plain, pod("added-to-plain", containers, { labels: {} }))).toEqual([]);
    } finally {
      await remove();
    }
  });
});
