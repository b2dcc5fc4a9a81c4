/**
 * Breaks what Curfew depends on while Jobs are created without pause. Prints counts, which
 * docs/operations.md has in its table.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, inject, it } from "vitest";
import { accepted, create, pathOf, request } from "../support/api.ts";
import { isApiServerReady, signalControlPlane } from "../support/control-plane.ts";
import { createJobs, describeLoad } from "../support/job-load.ts";
import { createJob, podsOf } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { pod } from "../support/pods.ts";
import { until } from "../support/until.ts";

describe.each([
  [
    "the API server is killed, and comes back",
    async () => {
      signalControlPlane("kube-apiserver", "SIGKILL");
      await expect.poll(isApiServerReady).toBe(false);
    },
  ],
  [
    "etcd is killed, and comes back",
    async () => {
      signalControlPlane("etcd", "SIGKILL");
      await sleep(500);
    },
  ],
  [
    "etcd hangs for eight seconds",
    async () => {
      signalControlPlane("etcd", "SIGSTOP");
      await sleep(8_000);
      signalControlPlane("etcd", "SIGCONT");
    },
  ],
] as const)("while %s", (fault, inflict) => {
  const namespace = testNamespace("faults");

  it("no created Job is lost, and none exists without its patch", async () => {
    const load = createJobs(namespace);
    await expect.poll(load.created).toBeGreaterThanOrEqual(20);
    await inflict();
    await expect.poll(isApiServerReady).toBe(true);
    const before = load.created();
    await expect.poll(load.created).toBeGreaterThanOrEqual(before + 20);
    const result = await load.stop();
    console.log(describeLoad(fault, result));
    expect(result).toMatchObject({ lost: [], unpatched: [] });
  });
});

describe("while the admission server hangs", () => {
  const namespace = testNamespace("hangs");
  const enabled = testNamespace("hangs-enabled", { "curfew.sh/enabled": "true" });
  const containers = [script("main", "true"), politeSidecar()];
  const annotated = { labels: {}, annotations: { "curfew.sh/enabled": "true" } };

  it("what opts in itself is refused in time, all else is created, and afterwards all is", async () => {
    const pid = inject("admissionPid");
    await createJob(namespace, job("planned", containers, { spec: { suspend: true } }));
    process.kill(pid, "SIGSTOP");
    try {
      const optedIn = [
        { send: create(namespace, job("labelled", containers)), entry: "jobs-labelled-enabled" },
        { send: create(namespace, job("annotated", containers, annotated)), entry: "jobs-annotated-enabled" },
        { send: create(namespace, pod("labelled", containers)), entry: "pods-labelled-enabled" },
      ];
      const inNamespace = create(enabled, job("in-namespace", containers, { labels: {} }));
      const resume = request(
        "PATCH",
        pathOf("Job", namespace, "planned"),
        { spec: { suspend: false } },
        "application/merge-patch+json",
      );
      const plain = Array.from({ length: 10 }, (_, index) => [
        create(namespace, job(`plain-${index}`, containers, { labels: {} })),
        create(enabled, pod(`plain-${index}`, containers, { labels: {} })),
      ]);
      expect(new Set((await Promise.all(plain.flat())).map(({ status }) => status))).toEqual(new Set([201]));
      for (const { send, entry } of optedIn) {
        const { status, body } = await send;
        expect(status).toBe(500);
        expect(body.message).toContain(`failed calling webhook "${entry}-need-curfew-running.curfew.sh"`);
      }
      expect(JSON.stringify(accepted(await inNamespace))).not.toContain("curfew.sh/injected");
      accepted(await resume);
      await until("the planned Job has a Pod", async () => (await podsOf(namespace, "planned")).length > 0, 150);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const load = createJobs(namespace);
    await expect.poll(load.created).toBeGreaterThanOrEqual(20);
    expect(await load.stop()).toMatchObject({ failures: [], lost: [] });
  });
});
