/**
 * Pods that are opted in by a label of their own: bare ones, and such as Airflow, Argo and Jobs make.
 * Each ends, and its containers show the exit codes that they show without Curfew.
 */
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { accepted, create, request, type Answer } from "../support/api.ts";
import { createJob, endOf, logsOf, outputOf, statusOf, untilEnded, type Pod } from "../support/jobs.ts";
import { exec } from "../support/kubectl.ts";
import { ENABLED, job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { createPod, getPod, pod, untilContainersEnded, untilPodEnded, untilPodIs } from "../support/pods.ts";

const namespace = testNamespace("pods");

/** A sidecar by its name, whose own code is not 0 when it's told to stop. */
const proxy = politeSidecar("proxy", 143);

function codesOf(pod: Pod, ...names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, endOf(pod, name).exitCode]));
}

for (const strategy of ["trap", "native"] as const) {
  const annotations = { "curfew.sh/strategy": strategy };
  const named = (name: string, main: string, spec: object = {}) =>
    pod(`${strategy}-${name}`, [script("main", main), proxy], { annotations, spec });

  describe.concurrent(`a bare Pod under ${strategy}`, () => {
    it("ends once its main has, and the same Pod without the label doesn't", async () => {
      const containers = [script("main", "sleep 1; exit 7"), proxy];
      const plain = `${strategy}-plain`;
      await createPod(namespace, pod(plain, containers, { labels: {} }));
      const created = await createPod(namespace, pod(`${strategy}-fails`, containers, { annotations }));
      expect(created.metadata.annotations).toMatchObject({ "curfew.sh/injected": strategy });
      const [ended, hanging] = await Promise.all([
        untilPodEnded(namespace, `${strategy}-fails`),
        untilContainersEnded(namespace, plain, "main"),
      ]);
      expect(ended.status.phase).toBe("Failed");
      expect(codesOf(ended, "main", "proxy")).toEqual({ main: 7, proxy: strategy === "trap" ? 0 : 143 });
      expect(endOf(hanging, "main").exitCode).toBe(7);
      const { status } = await getPod(namespace, plain);
      expect(status.phase).toBe("Running");
    });

    it("succeeds if its main does, and its sidecar gets TERM, and time to stop", async () => {
      await createPod(namespace, named("succeeds", "sleep 1"));
      const ended = await untilPodEnded(namespace, `${strategy}-succeeds`);
      expect(ended.status.phase).toBe("Succeeded");
      expect(endOf(ended, "main").exitCode).toBe(0);
      expect(await outputOf(namespace, ended, "proxy")).toBe("started\nstopping\nstopped\n");
    });

    it("with restartPolicy OnFailure starts its main again, and its sidecar runs on until main has succeeded", async () => {
      const counting = script("main", "echo x >>/count/runs; [ $(wc -l </count/runs) -ge 2 ]", {
        volumeMounts: [{ name: "count", mountPath: "/count" }],
      });
      const spec = { restartPolicy: "OnFailure", volumes: [{ name: "count", emptyDir: {} }] };
      const name = `${strategy}-on-failure`;
      await createPod(namespace, pod(name, [counting, politeSidecar("proxy")], { annotations, spec }));
      const ended = await untilPodEnded(namespace, name);
      expect(ended.status.phase).toBe("Succeeded");
      expect([statusOf(ended, "main")?.restartCount, statusOf(ended, "proxy")?.restartCount]).toEqual([1, 0]);
      expect(await outputOf(namespace, ended, "proxy")).toBe("started\nstopping\nstopped\n");
    });

    it("that names its node, and so is never scheduled, ends as well", async () => {
      const { items } = accepted(await request<{ items: { metadata: { name: string } }[] }>("GET", "/api/v1/nodes"));
      await createPod(namespace, named("bound", "sleep 1", { nodeName: items[0]?.metadata.name }));
      const ended = await untilPodEnded(namespace, `${strategy}-bound`);
      expect(ended.status.phase).toBe("Succeeded");
      expect(await outputOf(namespace, ended, "proxy")).toBe("started\nstopping\nstopped\n");
    });
  });
}

describe.concurrent("a Pod as Airflow makes it", () => {
  const xcom = { name: "xcom", mountPath: "/airflow/xcom" };
  /** As in the provider's pod_generator.py and xcom_sidecar.py, but for its main and the added proxy. */
  const airflowPod = (name: string, labels: Readonly<Record<string, string>>, annotations = {}) =>
    pod(
      name,
      [
        script("base", `sleep 1; echo '{"rows": 3}' >/airflow/xcom/return.json`, { volumeMounts: [xcom] }),
        politeSidecar("cloud-sql-proxy"),
        script("airflow-xcom-sidecar", 'trap "exit 0" INT; while true; do sleep 1; done;', {
          image: "alpine:3",
          volumeMounts: [xcom],
        }),
      ],
      {
        labels: { dag_id: "etl", task_id: "load", kubernetes_pod_operator: "True", ...labels },
        annotations,
        spec: { volumes: [{ name: "xcom", emptyDir: {} }] },
      },
    );
  /** What Airflow does once base has ended: it reads the result, and ends the sidecar with INT. */
  const takeResult = async (name: string): Promise<string> => {
    const result = await exec(namespace, name, "airflow-xcom-sidecar", "cat /airflow/xcom/return.json");
    await exec(namespace, name, "airflow-xcom-sidecar", "kill -2 1");
    return result;
  };

  it.for(["trap", "native"])(
    "under %s, has its proxy stopped, and keeps its xcom sidecar until Airflow has the result",
    async (strategy, { expect }) => {
      const name = `airflow-${strategy}`;
      await createPod(namespace, airflowPod(name, ENABLED, { "curfew.sh/strategy": strategy }));
      // A native sidecar is stopped only when all other containers have ended.
      const first = strategy === "trap" ? ["base", "cloud-sql-proxy"] : ["base"];
      const running = await untilContainersEnded(namespace, name, ...first);
      expect(statusOf(running, "airflow-xcom-sidecar")?.state.running).toBeDefined();
      expect(await takeResult(name)).toBe('{"rows": 3}\n');
      const ended = await untilPodEnded(namespace, name);
      expect(ended.status.phase).toBe("Succeeded");
      expect(codesOf(ended, "base", "airflow-xcom-sidecar", "cloud-sql-proxy")).toEqual({
        base: 0,
        "airflow-xcom-sidecar": 0,
        "cloud-sql-proxy": 0,
      });
      expect(await outputOf(namespace, ended, "cloud-sql-proxy")).toBe("started\nstopping\nstopped\n");
    },
  );

  it("without the label, has a proxy that runs on when all others have ended", async ({ expect }) => {
    await createPod(namespace, airflowPod("airflow-plain", {}));
    await untilContainersEnded(namespace, "airflow-plain", "base");
    expect(await takeResult("airflow-plain")).toBe('{"rows": 3}\n');
    const { status } = await untilContainersEnded(namespace, "airflow-plain", "airflow-xcom-sidecar");
    expect(status.phase).toBe("Running");
  });
});

describe.concurrent("a Pod as Argo Workflows makes it", () => {
  const shared = { volumeMounts: [{ name: "var-run-argo", mountPath: "/var/run/argo" }] };
  const exitcode = "/var/run/argo/ctr/main/exitcode";
  /** Its wait container waits for main by a file, as the emissary executor does, and saves main's output. */
  const argoPod = (name: string, labels: Readonly<Record<string, string>>, annotations = {}) =>
    pod(
      name,
      [
        script("wait", `until [ -e ${exitcode} ]; do sleep 0.2; done; sleep 1; echo saved`, {
          ...shared,
          image: "quay.io/argoproj/argoexec:v3.7.3",
        }),
        script("main", `mkdir -p /var/run/argo/ctr/main; sleep 1; echo 3 >${exitcode}; exit 3`, shared),
        proxy,
      ],
      {
        labels: { "workflows.argoproj.io/workflow": "nightly", ...labels },
        annotations: { "kubectl.kubernetes.io/default-container": "main", ...annotations },
        metadata: { ownerReferences: [workflow()] },
        spec: { volumes: [{ name: "var-run-argo", emptyDir: {} }] },
      },
    );
  const workflow = () => ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Workflow",
    name: "nightly",
    uid: randomUUID(),
    controller: true,
    blockOwnerDeletion: true,
  });

  // The real executor has no shell, so it's native without being told.
  it.for(["trap", "native"])(
    "under %s, has its proxy stopped once main and wait have ended",
    async (strategy, { expect }) => {
      const name = `argo-${strategy}`;
      await createPod(namespace, argoPod(name, ENABLED, { "curfew.sh/strategy": strategy }));
      const ended = await untilPodEnded(namespace, name);
      expect(ended.metadata.annotations).toMatchObject({
        "curfew.sh/injected": strategy,
        "curfew.sh/main": "wait,main",
      });
      expect(ended.status.phase).toBe("Failed");
      const proxy = strategy === "trap" ? 0 : 143;
      expect(codesOf(ended, "main", "wait", "proxy")).toEqual({ main: 3, wait: 0, proxy });
      expect(await logsOf(namespace, ended, "wait")).toBe("saved\n");
      expect(await outputOf(namespace, ended, "proxy")).toBe("started\nstopping\nstopped\n");
    },
  );

  it("without the label, has a proxy that runs on when all others have ended", async ({ expect }) => {
    await createPod(namespace, argoPod("argo-plain", {}));
    const { status } = await untilContainersEnded(namespace, "argo-plain", "main", "wait");
    expect(status.phase).toBe("Running");
  });
});

describe.concurrent("a Job with the label on its Pod template only", () => {
  it("isn't changed itself; its Pods are, so it completes", async () => {
    // A Job without any labels takes over its template's.
    const { metadata, spec } = job("template", [script("main", "sleep 1"), proxy], { labels: { app: "shop" } });
    const template = { ...spec.template, metadata: { labels: ENABLED } };
    const created = await createJob(namespace, {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata,
      spec: { ...spec, template },
    });
    expect(created.metadata.annotations ?? {}).not.toHaveProperty(["curfew.sh/injected"]);
    expect(created.spec.template.spec.containers.map(({ command }) => command?.[0])).toEqual(["sh", "sh"]);
    const { outcome, pod } = await untilEnded(namespace, "template");
    expect(outcome).toBe("Complete");
    expect(pod.metadata.annotations).toMatchObject({ "curfew.sh/injected": "trap" });
    expect(endOf(pod, "main").exitCode).toBe(0);
  });
});

describe.concurrent("a Pod with restartPolicy Always", () => {
  it("is left alone, with a warning: it isn't meant to end", async () => {
    const manifest = pod("always", [script("main", "echo up; sleep 600"), proxy], {
      spec: { restartPolicy: "Always" },
    });
    const answer = await create(namespace, manifest);
    expect(answer.warnings.join("\n")).toMatch(/restartPolicy/);
    const { spec } = accepted(answer as unknown as Answer<Pod>);
    expect(spec.containers.map(({ command }) => command?.[0])).toEqual(["sh", "sh"]);
    const running = await untilPodIs(namespace, "always", "running", ({ status: { phase } }) => phase === "Running");
    expect(running.spec.initContainers).toBeUndefined();
  });
});
