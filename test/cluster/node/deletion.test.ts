/**
 * `kubectl delete job` while the Job runs: main ends as it would without Curfew, the sidecar
 * outlives it, and the grace period holds.
 */
import { describe, expect, it, vi } from "vitest";
import { request, pathOf } from "../support/api.ts";
import { followLogs, SLACK_MS, timeOf, type LogLine } from "../support/follow-logs.ts";
import { createJob, untilLogged } from "../support/jobs.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("deletion");
const GRACE_SECONDS = 20;

/**
 * What a Pod's containers wrote until they ended, and how many seconds after the deletion that was.
 */
interface Deletion {
  readonly main: readonly LogLine[];
  readonly sidecar: readonly LogLine[];
  readonly seconds: number;
}

async function deleteMidRun(name: string, strategy: string, main: string): Promise<Deletion> {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
  await createJob(namespace, job(name, [script("main", main), politeSidecar()], { annotations }));
  await untilLogged(namespace, name, "main", "working");
  const pod = await untilLogged(namespace, name, "sidecar", "started");
  const [mainLog, sidecarLog] = await Promise.all([
    followLogs(namespace, pod, "main"),
    followLogs(namespace, pod, "sidecar"),
  ]);
  const start = Date.now();
  await kubectlOutput(["delete", "job", "-n", namespace, name, "--wait=false"]);
  const [mainLines, sidecarLines] = await Promise.all([mainLog(), sidecarLog()]);
  const seconds = (Date.now() - start) / 1000;
  const path = pathOf("Pod", namespace, pod.metadata.name);
  const isGone = async (): Promise<boolean> => (await request("GET", path)).status === 404;
  await vi.waitUntil(isGone, { timeout: 75_000, interval: 200, message: "the Pod still exists" });
  return { main: mainLines, sidecar: sidecarLines, seconds };
}

for (const strategy of ["trap", "native"] as const) {
  describe.concurrent(`a Job that is deleted while it runs, under ${strategy}`, () => {
    it("main gets TERM first, and the sidecar once main has ended", async () => {
      const main =
        "trap 'echo got TERM; sleep 4; echo main ends; exit 0' TERM; echo working; while :; do sleep 0.2; done";
      const { main: mainLines, sidecar, seconds } = await deleteMidRun(`${strategy}-trapping`, strategy, main);
      expect(timeOf(mainLines, "main ends") - timeOf(mainLines, "got TERM")).toBeGreaterThan(1500);
      expect(timeOf(sidecar, "stopping")).toBeGreaterThan(timeOf(mainLines, "main ends") - SLACK_MS);
      expect(sidecar.findLast(({ text }) => !text.startsWith("curfew: "))?.text).toBe("stopped");
      expect(seconds).toBeLessThan(GRACE_SECONDS + 5);
    });

    it("a shell script as main, which ignores TERM as PID 1, runs to its end, and so does the sidecar", async () => {
      const main = "echo working; sleep 7; echo finished; sleep 0.2";
      const { main: mainLines, sidecar, seconds } = await deleteMidRun(`${strategy}-script`, strategy, main);
      expect(timeOf(sidecar, "stopping")).toBeGreaterThan(timeOf(mainLines, "finished") - SLACK_MS);
      expect(seconds).toBeLessThan(GRACE_SECONDS + 5);
    });

    it("if main never ends, the Pod takes its whole grace period, and no longer", async () => {
      const { sidecar, seconds } = await deleteMidRun(
        `${strategy}-endless`,
        strategy,
        "echo working; while :; do sleep 1; done",
      );
      expect(sidecar.map(({ text }) => text)).toContain("stopping");
      expect(seconds).toBeGreaterThan(GRACE_SECONDS - 3);
      // A slow machine adds to it, but a second grace period would add more.
      expect(seconds).toBeLessThan(GRACE_SECONDS + 15);
    });
  });
}
