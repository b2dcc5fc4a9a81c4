import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { asJob, type PodTemplate } from "../../../src/injection/job.ts";
import { planJob } from "../../../src/injection/plan-job.ts";
import { planPod } from "../../../src/injection/plan-pod.ts";
import { planPodUpdate } from "../../../src/injection/plan-update.ts";
import type { PlanOptions, PodPlan } from "../../../src/injection/plan.ts";
import { arbitraryJob, arbitraryOptions } from "../../support/injection/arbitrary-job.ts";
import { applyAgain } from "../../support/injection/apply.ts";
import { applied } from "../../support/injection/json-patch.ts";
import { law } from "../../support/law.ts";

interface TestContainer {
  name: string;
  image?: string;
  [field: string]: unknown;
}

interface TestPod {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: { restartPolicy: string; initContainers?: TestContainer[]; containers: TestContainer[]; volumes?: unknown[] };
}

const podWith = (strategy: string): TestPod =>
  parse(`
apiVersion: v1
kind: Pod
metadata:
  name: test
  labels: { curfew.sh/enabled: "true" }
  annotations: { curfew.sh/strategy: ${strategy}, curfew.sh/main: " tests" }
spec:
  restartPolicy: Never
  containers:
    - { name: tests, image: "alpine:3", command: [sh, -c, "run tests"] }
    - { name: dind, image: "docker:27-dind" }
`) as TestPod;

/** What the webhook makes of a Pod. */
function admitted(pod: TestPod, options?: PlanOptions): TestPod {
  const plan = planPod(pod, options);
  if (plan.kind === "refuse") throw new Error(plan.message);
  return applied(pod, plan.patch) as TestPod;
}

/** The Pod after another webhook added a container, and after Curfew's second turn. */
const withLateProxy = (pod: TestPod): TestPod => {
  const injected = structuredClone(pod);
  injected.spec.containers.unshift({ name: "mesh-proxy", image: "example/mesh" });
  return admitted(injected);
};

/** What the API server's own plugins add to each container of a Pod. */
function mountToken(pod: TestPod): TestPod {
  const mounted = structuredClone(pod);
  for (const container of [...mounted.spec.containers, ...(mounted.spec.initContainers ?? [])]) {
    const mounts = (container["volumeMounts"] ?? []) as unknown[];
    container["volumeMounts"] = [
      ...mounts,
      { name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
    ];
  }
  return mounted;
}

describe.each(["trap", "native"])("a Pod that was planned as %s", (strategy) => {
  const manifest = podWith(strategy);
  const stored = mountToken(withLateProxy(admitted(manifest)));

  test("keeps its author's annotations as they are", () => {
    expect(stored.metadata.annotations).toMatchObject(manifest.metadata.annotations ?? {});
  });

  test("has what was added later behind its init containers", () => {
    expect(stored.spec.initContainers?.at(-1)).toMatchObject({ name: "mesh-proxy", restartPolicy: "Always" });
    expect(stored.metadata.annotations).toMatchObject({ "curfew.sh/late-containers-moved": "mesh-proxy" });
    expect(stored.metadata.labels).toEqual(manifest.metadata.labels);
  });

  test("isn't changed if its manifest is applied again", () => {
    const again = applyAgain(stored, manifest);
    const { patch, warnings } = planPodUpdate(stored, again);
    expect({ after: applied(again, patch), warnings }).toEqual({ after: stored, warnings: [] });
  });

  test("gets a new image for any of its containers", () => {
    const changed = structuredClone(manifest);
    for (const container of changed.spec.containers) container.image = "example/new";
    const again = applyAgain(stored, changed);
    const { patch, warnings } = planPodUpdate(stored, again);
    const expected = structuredClone(stored);
    for (const container of [...expected.spec.containers, ...(expected.spec.initContainers ?? [])])
      if (container.name !== "mesh-proxy") container.image = "example/new";
    expect({ after: applied(again, patch), warnings }).toEqual({ after: expected, warnings: [] });
  });

  test("is left alone by another pass", () => {
    expect(planPod(stored)).toMatchObject({ kind: "leave", reason: "already-injected", patch: [] });
  });
});

test("another change to a native sidecar isn't hidden from the API server, and a warning says what to do", () => {
  const manifest = podWith("native");
  const stored = admitted(manifest);
  const changed = structuredClone(manifest);
  Object.assign(changed.spec.containers[1] ?? {}, { args: ["--debug"] });
  const again = applyAgain(stored, changed);
  const { patch, warnings } = planPodUpdate(stored, again);
  expect(applied(again, patch)).not.toEqual(stored);
  expect(warnings).toEqual([expect.stringContaining("delete the Pod and create it again")]);
});

test("a change of an annotation gets a warning that it has no effect on the Pod", () => {
  const stored = admitted(podWith("trap"));
  const changed = structuredClone(stored);
  Object.assign(changed.metadata.annotations ?? {}, { "curfew.sh/strategy": "native" });
  const { warnings } = planPodUpdate(stored, changed);
  expect(warnings).toEqual([expect.stringContaining("no effect on an existing Pod: delete the Pod")]);
});

test("the Pod of a planned Job isn't planned again, even if its template opts in, too", () => {
  const pod = podWith("trap");
  pod.metadata.labels["curfew.sh/injected"] = "none";
  Object.assign(pod.metadata.annotations ?? {}, { "curfew.sh/injected": "none", "curfew.sh/main": "tests, dind" });
  expect(planPod(pod)).toMatchObject({ kind: "leave", reason: "no-late-containers", patch: [] });
});

test.each<[string, object | undefined]>([
  ["no annotations", undefined],
  ["no main container", { "curfew.sh/injected": "none" }],
  ["another Pod's main container", { "curfew.sh/injected": "none", "curfew.sh/main": "other" }],
])("a Pod with the label of a planned Job, but a record with %s, is left as it is", (_, annotations) => {
  const spec = { restartPolicy: "Never", containers: [{ name: "tests" }, { name: "proxy" }] };
  const pod = { metadata: { labels: { "curfew.sh/injected": "none" }, annotations }, spec };
  expect(planPod(pod)).toMatchObject({ kind: "leave", reason: "no-late-containers", patch: [] });
});

test("two hundred late containers become native sidecars in their order", () => {
  const late = Array.from({ length: 200 }, (_, index) => ({ name: `late-${index}` }));
  const pod = {
    metadata: {
      labels: { "curfew.sh/injected": "none" },
      annotations: { "curfew.sh/injected": "none", "curfew.sh/main": "tests" },
    },
    spec: { restartPolicy: "Never", containers: [...late.slice(0, 100), { name: "tests" }, ...late.slice(100)] },
  };
  const { spec } = admitted(pod);
  expect(spec.containers).toEqual([{ name: "tests" }]);
  expect(spec.initContainers).toEqual(late.map((container) => ({ ...container, restartPolicy: "Always" })));
});

test("a Pod whose restartPolicy isn't set runs forever, as Kubernetes' default is Always", () => {
  const pod = { metadata: { labels: { "curfew.sh/enabled": "true" } }, spec: { containers: [{ name: "web" }] } };
  expect(planPod(pod)).toMatchObject({
    kind: "leave",
    reason: "runs-forever",
    warnings: [expect.stringContaining("set restartPolicy to Never or OnFailure")],
  });
});

test("a Pod is told about itself, and not about a Job", () => {
  const pod = podWith("trap");
  pod.metadata.annotations = { "curfew.sh/main": "Job" };
  const named = planPod(pod) as PodPlan & { message: string };
  expect(named.message).toContain('"Job"');
  pod.metadata.annotations = { "curfew.sh/main": "test" };
  const plan = planPod(pod) as PodPlan & { message: string };
  expect(plan.message).toContain("which this Pod doesn't have");
  expect(plan.message).not.toMatch(/\bJob\b/);
});

law(
  "a Pod gets what a Job with the same template gets",
  fc.property(arbitraryJob, arbitraryOptions, (job, options) => {
    const pod = { metadata: job.metadata, spec: job.spec.template.spec } as PodTemplate;
    const assumed = { ...options, optIn: "assumed" } as const;
    const alone = planPod(pod, assumed);
    const inJob = planJob({ ...asJob({ ...pod, metadata: {} }), metadata: job.metadata }, assumed);
    fc.pre(pod.spec.restartPolicy === "Never" || pod.spec.restartPolicy === "OnFailure");
    if (alone.kind === "late" || alone.kind === "refuse") return;
    expect(alone.kind).toBe(inJob.kind);
    const patched = applied(pod, alone.patch) as PodTemplate;
    const { template } = (applied(asJob(pod), inJob.kind === "refuse" ? [] : inJob.patch) as ReturnType<typeof asJob>)
      .spec;
    expect(patched.spec).toEqual(template.spec);
  }),
);

const AIRFLOW_XCOM = { name: "airflow-xcom-sidecar", image: "alpine", command: ["sh", "-c", "sleep 1"] };
const SHELL = ["sh", "-c", "work"];

test.each<[string, Record<string, string>]>([
  ["main", { "curfew.sh/main": "base" }],
  ["sidecars", { "curfew.sh/sidecars": "proxy" }],
  ["both", { "curfew.sh/main": "base", "curfew.sh/sidecars": "proxy" }],
])("Airflow's container for results is never stopped, if annotations name %s", (_, annotations) => {
  const containers = [
    { name: "base", image: "alpine", command: SHELL },
    AIRFLOW_XCOM,
    { name: "proxy", image: "alpine", command: SHELL },
  ];
  const pod = {
    metadata: { labels: { "curfew.sh/enabled": "true" }, annotations },
    spec: { restartPolicy: "Never", containers },
  };
  const plan = planPod(pod);
  const roles = plan.containers.map(({ name, role }) => [name, role]);
  expect(roles).toEqual([
    ["base", "main"],
    ["airflow-xcom-sidecar", "ignored"],
    ["proxy", "sidecar"],
  ]);
});

test.each<[string, string[]]>([
  ["Tekton", ["/tekton/bin/entrypoint", "-entrypoint", "envoy"]],
  ["Argo", ["/var/run/argo/argoexec", "emissary", "--", "envoy"]],
])("a container that %s's executor runs isn't a sidecar, whatever its name and image", (_, command) => {
  const names = ["step-build", "report-sidecar", "docker-dind"];
  const containers = names.map((name) => ({ name, image: "envoyproxy/envoy:v1.30.0", command }));
  const pod = {
    metadata: { labels: { "curfew.sh/enabled": "true" } },
    spec: { restartPolicy: "Never", containers },
  };
  const plan = planPod(pod);
  expect(plan).toMatchObject({ kind: "leave", reason: "no-sidecars" });
  expect(plan.containers.map(({ role, roleSource }) => [role, roleSource])).toEqual(
    names.map(() => ["main", "ends-by-itself"]),
  );
});

describe("a Pod isn't refused for what other webhooks did after Curfew", () => {
  const late = { name: "istio-proxy", image: "example/mesh" };
  const admittedWith = (annotations: Record<string, string>, spec: object): TestPod =>
    admitted({ metadata: { labels: { "curfew.sh/enabled": "true" }, annotations }, spec } as unknown as TestPod);
  const app = { name: "app", image: "alpine", command: SHELL };
  const native = { name: "px", image: "alpine", restartPolicy: "Always" };

  test.each<[string, Record<string, string>, object]>([
    [
      "an author's own native sidecar",
      { "curfew.sh/sidecars": "px" },
      { restartPolicy: "Never", containers: [app], initContainers: [native] },
    ],
    [
      "another one beside it",
      { "curfew.sh/sidecars": "px, helper" },
      {
        restartPolicy: "Never",
        containers: [app, { name: "helper", image: "alpine", command: SHELL }],
        initContainers: [native],
      },
    ],
  ])("with %s", (_, annotations, spec) => {
    const pod = admittedWith(annotations, spec);
    pod.spec.containers.push(late);
    expect(planPod(pod)).toMatchObject({ kind: "late", moved: ["istio-proxy"] });
  });

  test("with a program before the wrapper", () => {
    const logs = { name: "logs-sidecar", image: "alpine", command: SHELL };
    const pod = admittedWith({}, { restartPolicy: "Never", containers: [app, logs] });
    for (const container of pod.spec.containers) {
      const { command, args } = container as unknown as { command: string[]; args: string[] };
      Object.assign(container, { command: ["/vault/vault-env"], args: [...command, ...args] });
    }
    expect(planPod(pod)).toMatchObject({ kind: "leave", reason: "already-injected", patch: [] });
    pod.spec.containers.push(late);
    expect(planPod(pod)).toMatchObject({ kind: "late", moved: ["istio-proxy"] });
  });
});

describe("a late container with the name of an init container", () => {
  const podWithInit = (init: object, container: object, sidecars?: string) => ({
    metadata: {
      labels: { "curfew.sh/injected": sidecars ? "native" : "none" },
      annotations: {
        "curfew.sh/injected": sidecars ? "native" : "none",
        "curfew.sh/main": "app",
        ...(sidecars ? { "curfew.sh/sidecars": sidecars } : {}),
      },
    },
    spec: { restartPolicy: "Never", initContainers: [init], containers: [{ name: "app" }, container] },
  });

  test.each<[string, object]>([
    ["isn't Curfew's to drop", podWithInit({ name: "setup" }, { name: "setup" })],
    [
      "and of a sidecar isn't dropped if it differs",
      podWithInit(
        { name: "vault-agent", image: "own", restartPolicy: "Always" },
        { name: "vault-agent", image: "theirs" },
        "vault-agent",
      ),
    ],
  ])("%s: the API server says that there are two", (_, pod) => {
    const plan = planPod(pod);
    const { spec } = applied(pod, plan.kind === "refuse" ? [] : plan.patch) as TestPod;
    expect(spec.containers).toHaveLength(2);
  });

  test("is dropped if it's the same sidecar again", () => {
    const pod = podWithInit({ name: "px", image: "i", restartPolicy: "Always" }, { name: "px", image: "i" }, "px");
    const plan = planPod(pod);
    const { spec } = applied(pod, plan.kind === "refuse" ? [] : plan.patch) as TestPod;
    expect(spec.containers).toEqual([{ name: "app" }]);
  });
});

test("a change to a native sidecar that only drops a field isn't hidden from the API server", () => {
  const manifest = podWith("native");
  Object.assign(manifest.spec.containers[1] ?? {}, { args: ["--debug"] });
  const stored = admitted(manifest);
  const again = applyAgain(stored, podWith("native")) as TestPod;
  expect(planPodUpdate(stored, again).warnings).toEqual([
    expect.stringContaining("delete the Pod and create it again"),
  ]);
});
