/**
 * What people and clusters do to running Pods also works on wrapped ones: exec, logs, attach,
 * shared namespaces, eviction.
 */
import { spawn } from "node:child_process";
import { describe, expect, it, vi } from "vitest";
import { accepted, pathOf, request } from "../support/api.ts";
import { followLogs, timeOf } from "../support/follow-logs.ts";
import {
  createJob,
  endOf,
  logsOf,
  runJob,
  untilEnded,
  untilLogged,
  untilPod,
  type Pod,
  outputOf,
} from "../support/jobs.ts";
import { exec, kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("people");
const waitingMain = script("main", "echo working; until [ -e /tmp/go ]; do sleep 0.2; done; echo worked on");

/**
 * Runs `kubectl attach -it` in a terminal, as a person would. Types `line` once attached, and
 * returns what the terminal showed.
 */
async function attach(pod: string, line: string): Promise<string> {
  const command = `kubectl attach -it -n ${namespace} ${pod} -c main`;
  const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
  let shown = "";
  let typed = false;
  const typing = setInterval(() => {
    if (!typed && shown.includes("tell me")) typed = terminal.stdin.write(`${line}\n`);
  }, 100);
  terminal.stdout.setEncoding("utf8").on("data", (chunk: string) => (shown += chunk));
  await new Promise((resolve, reject) => terminal.on("error", reject).on("close", resolve));
  clearInterval(typing);
  return shown;
}

for (const strategy of ["trap", "native"] as const) {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
  const named = (name: string, main: object, options: object = {}) =>
    job(`${strategy}-${name}`, [main, politeSidecar()], { annotations, ...options });

  describe.concurrent(`under ${strategy}`, () => {
    it("kubectl exec runs a command in main, and kubectl logs shows main's output and nothing else", async () => {
      const name = `${strategy}-exec`;
      await createJob(namespace, named("exec", waitingMain));
      const running = await untilLogged(namespace, name, "main", "working");
      expect(await exec(namespace, running.metadata.name, "main", "echo from exec; touch /tmp/go")).toBe("from exec\n");
      expect((await untilEnded(namespace, name)).outcome).toBe("Complete");
      expect(await kubectlOutput(["logs", "-n", namespace, `job/${name}`, "-c", "main"])).toBe("working\nworked on\n");
    });

    it("kubectl attach -it reaches a main that reads from its terminal", async () => {
      const name = `${strategy}-attach`;
      // A read with a timeout could lose the first half of what's typed.
      const asking = 'while sleep 1; do echo tell me; done & read -r line; kill $!; echo "heard $line"; sleep 1';
      await createJob(namespace, named("attach", script("main", asking, { stdin: true, tty: true })));
      const running = await untilLogged(namespace, name, "main", "tell me");
      expect(await attach(running.metadata.name, "good night")).toContain("heard good night");
      expect((await untilEnded(namespace, name)).outcome).toBe("Complete");
    });

    it("shareProcessNamespace: the containers see each other, and the Job completes", async () => {
      // Looks for the sidecar's child, which runs once the sidecar traps TERM. The list also has
      // the texts of both scripts.
      const main = script("main", "for _ in $(seq 300); do ps | grep 'sleep [1]$' && exit; sleep 0.2; done; exit 1");
      const { outcome, pod } = await runJob(namespace, named("share", main, { pod: { shareProcessNamespace: true } }));
      expect(outcome).toBe("Complete");
      expect(await outputOf(namespace, pod, "sidecar")).toMatch(/stopping\nstopped/);
      expect(endOf(pod, "sidecar").exitCode).toBe(0);
    });

    it("hostUsers: false: the Job completes in its own user namespace", async ({ skip }) => {
      const name = `${strategy}-users`;
      await createJob(
        namespace,
        named("users", script("main", "cat /proc/self/uid_map"), { pod: { hostUsers: false } }),
      );
      const refusal = await sandboxRefusal(name);
      if (refusal !== undefined) skip(`this node can't: ${refusal}`);
      const { outcome, pod } = await untilEnded(namespace, name);
      expect(outcome).toBe("Complete");
      expect(await logsOf(namespace, pod, "main")).not.toMatch(/^\s*0\s+0\s/);
      expect(await outputOf(namespace, pod, "sidecar")).toMatch(/stopping\nstopped/);
    });

    it("an evicted Pod ends like a deleted one, main first, each with its own exit code, and its successor completes", async () => {
      const name = `${strategy}-evicted`;
      const main = "trap 'echo leaving; sleep 3; exit 15' TERM; echo working; until [ -e /tmp/go ]; do sleep 0.2; done";
      await createJob(namespace, named("evicted", script("main", main), { spec: { backoffLimit: 1 } }));
      await untilLogged(namespace, name, "main", "working");
      const first = await untilLogged(namespace, name, "sidecar", "started");
      const [mainLog, sidecarLog] = await Promise.all([
        followLogs(namespace, first, "main"),
        followLogs(namespace, first, "sidecar"),
      ]);
      const evicted = await evict(first);
      expect([endOf(evicted, "main").exitCode, endOf(evicted, "sidecar").exitCode]).toEqual([15, 0]);
      expect(evicted.status.conditions).toContainEqual(
        expect.objectContaining({ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" }),
      );
      const [mainLines, sidecarLines] = await Promise.all([mainLog(), sidecarLog()]);
      expect(timeOf(sidecarLines, "stopping") - timeOf(mainLines, "leaving")).toBeGreaterThan(500);
      expect(sidecarLines.findLast(({ text }) => !text.startsWith("curfew: "))?.text).toBe("stopped");

      const isNext = ({ metadata }: Pod) => metadata.name !== first.metadata.name;
      const { metadata } = await untilPod(namespace, name, "a successor", isNext);
      await untilLogged(namespace, name, "main", "working");
      await exec(namespace, metadata.name, "main", "touch /tmp/go");
      const { outcome, job: ended, pods } = await untilEnded(namespace, name);
      expect(outcome).toBe("Complete");
      expect(ended.status).toMatchObject({ succeeded: 1, failed: 1 });
      const next = pods.find(isNext);
      expect(next && [endOf(next, "main").exitCode, endOf(next, "sidecar").exitCode]).toEqual([0, 0]);
    });
  });
}

/**
 * Evicts a Pod, as `kubectl drain` does, and returns it as it was at its end. A finalizer keeps it
 * until then, because eviction deletes it.
 */
async function evict({ metadata: { name } }: Pod): Promise<Pod> {
  const path = pathOf("Pod", namespace, name);
  const finalizer = "curfew.sh/test";
  const patch = async (finalizers: object) =>
    request("PATCH", path, { metadata: finalizers }, "application/strategic-merge-patch+json");
  accepted(await patch({ finalizers: [finalizer] }));
  try {
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
    accepted(await request("POST", `${path}/eviction`, eviction));
    const failed = async (): Promise<Pod | false> => {
      const pod = accepted(await request<Pod>("GET", path));
      return pod.status.phase === "Failed" && pod;
    };
    return await vi.waitUntil(failed, { timeout: 75_000, interval: 200, message: "the evicted Pod keeps running" });
  } finally {
    await patch({ "$deleteFromPrimitiveList/finalizers": [finalizer] });
  }
}

/** Why kubelet can't make the Pod's sandbox. Undefined once the Pod has started. */
async function sandboxRefusal(jobName: string): Promise<string | undefined> {
  const { metadata } = await untilPod(namespace, jobName, "there", () => true);
  const query = `?fieldSelector=involvedObject.name%3D${metadata.name},reason%3DFailedCreatePodSandBox`;
  const look = async (): Promise<{ message: string | undefined } | false> => {
    const events = await request<{ items: { message: string }[] }>("GET", `${pathOf("Event", namespace)}${query}`);
    const message = events.body.items[0]?.message;
    if (message !== undefined) return { message };
    const pod = await untilPod(namespace, jobName, "there", () => true);
    return pod.status.phase !== "Pending" && { message };
  };
  return (
    await vi.waitUntil(look, { timeout: 75_000, interval: 200, message: "there's neither a sandbox nor a refusal" })
  ).message;
}
