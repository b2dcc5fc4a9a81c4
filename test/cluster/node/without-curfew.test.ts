/**
 * For the record, what Curfew is measured against: Jobs that it never sees, because they aren't
 * labelled.
 */
import { describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "../../../src/cluster/scan/report.ts";
import { curfew } from "../support/curfew.ts";
import { createJob, endOf, getJob, logsOf, runJob, statusOf, untilPod } from "../support/jobs.ts";
import { dind, dockerClient, dockerVolume, job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("without-curfew");

/** A Job without the label. */
const plain: typeof job = (name, containers, options) => job(name, containers, { labels: {}, ...options });

describe.concurrent("a Job with a sidecar, without Curfew", () => {
  it("never ends: the sidecar keeps running after main has ended, and curfew scan says so", async () => {
    const containers = [script("main", "exit 0"), politeSidecar()];
    await createJob(namespace, plain("hang", containers, { pod: { terminationGracePeriodSeconds: 1 } }));
    await untilPod(namespace, "hang", "main ended", (pod) => statusOf(pod, "main")?.state.terminated !== undefined);
    await sleep(5000);
    expect((await getJob(namespace, "hang")).status).toMatchObject({ active: 1 });
    const { stdout } = await curfew(["scan", "-n", namespace, "-o", "json"]);
    const { hanging } = JSON.parse(stdout) as Report;
    expect(hanging.find((each) => each.job === "hang")).toMatchObject({
      certainty: "certain",
      left: [{ name: "sidecar", state: "running" }],
    });
  });

  it("ends with the hack of 2020, but seconds late, and dockerd is killed without a shutdown", async () => {
    const hack = { name: "tmp-pod", mountPath: "/usr/share/pod" };
    const main = dockerClient("true", { volumeMounts: [hack] });
    const done = "trap 'touch /usr/share/pod/done' EXIT";
    const loop = "dockerd-entrypoint.sh & while ! test -f /usr/share/pod/done; do sleep 5; done; exit 0";
    const volumes = [dockerVolume, { name: "tmp-pod", emptyDir: {} }];
    const sidecar = dind({ command: ["sh", "-c", loop] });
    sidecar.volumeMounts.push(hack);
    const withTrap = { ...main, command: ["sh", "-c", `${done}; ${main.command.at(-1) ?? ""}`] };
    const { outcome, pod } = await runJob(namespace, plain("hack", [withTrap, sidecar], { pod: { volumes } }));
    expect(outcome).toBe("Complete");
    expect(endOf(pod, "agent").exitCode).toBe(0);
    expect(endOf(pod, "dind").exitCode).toBe(0);
    expect(await logsOf(namespace, pod, "agent")).toMatch(/^dockerd \d+\./m);
    expect(await logsOf(namespace, pod, "dind")).not.toContain("Daemon shutdown complete");
  });

  it("ends with a hand-written native sidecar, and dockerd by its own shutdown", async () => {
    const sidecar = dind({
      restartPolicy: "Always",
      startupProbe: {
        exec: { command: ["docker", "info"] },
        periodSeconds: 1,
        timeoutSeconds: 10,
        failureThreshold: 60,
      },
    });
    const pod = { volumes: [dockerVolume], initContainers: [sidecar] };
    const ended = await runJob(namespace, plain("native", [dockerClient("true")], { pod }));
    expect(ended.outcome).toBe("Complete");
    expect(endOf(ended.pod, "dind").exitCode).toBe(0);
    expect(await logsOf(namespace, ended.pod, "dind")).toContain("Daemon shutdown complete");
  });
});
