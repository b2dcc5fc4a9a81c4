/**
 * Breaks what Curfew depends on while Jobs are created without pause. Prints counts, which
 * docs/operations.md has in its table.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, inject, it } from "vitest";
import { create } from "../support/api.ts";
import { isApiServerReady, signalControlPlane } from "../support/control-plane.ts";
import { createJobs, describeLoad } from "../support/job-load.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

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
  const containers = [script("main", "true"), politeSidecar()];

  it("labelled Jobs are refused in time, all others are created, and afterwards all are", async () => {
    const pid = inject("admissionPid");
    process.kill(pid, "SIGSTOP");
    try {
      const optedIn = Array.from({ length: 4 }, (_, index) => create(namespace, job(`opted-in-${index}`, containers)));
      const plain = Array.from({ length: 20 }, (_, index) =>
        create(namespace, job(`plain-${index}`, containers, { labels: {} })),
      );
      expect(new Set((await Promise.all(plain)).map(({ status }) => status))).toEqual(new Set([201]));
      for (const { status, body } of await Promise.all(optedIn)) {
        expect(status).toBe(500);
        expect(body.message).toContain('failed calling webhook "jobs-labelled-enabled-need-curfew-running.curfew.sh"');
      }
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const load = createJobs(namespace);
    await expect.poll(load.created).toBeGreaterThanOrEqual(20);
    expect(await load.stop()).toMatchObject({ failures: [], lost: [] });
  });
});
