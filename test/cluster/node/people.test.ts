/** What people and clusters do to running Pods works on wrapped ones: exec, logs, attach, shared namespaces, eviction. */
import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { accepted, pathOf, request } from "../support/api.ts";
import { followLogs } from "../support/follow-logs.ts";
import { createJob, endOf, logsOf, runJob, untilEnded, untilLogged, untilPod } from "../support/jobs.ts";
import { exec, kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { until } from "../support/until.ts";

const namespace = testNamespace("people");
const waitingMain = script("main", "echo working; until [ -e /tmp/go ]; do sleep 0.2; done; echo worked on");

/** `kubectl attach -it` in a terminal, as a person has one; types `line` once attached, and returns what the terminal showed. */
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
    it("kubectl exec runs a command in main, and kubectl logs shows main's output and no other", async () => {
      const name = `${strategy}-exec`;
      await createJob(namespace, named("exec", waitingMain));
      const running = await untilLogged(namespace, name, "main", "working");
      expect(await exec(namespace, running.metadata.name, "main", "echo from exec; touch /tmp/go")).toBe("from exec\n");
      expect((await untilEnded(namespace, name)).outcome).toBe("Complete");
      expect(await kubectlOutput(["logs", "-n", namespace, `job/${name}`, "-c", "main"])).toBe("working\nworked on\n");
    });

    it("kubectl attach -it reaches a main that reads from its terminal", async () => {
      const name = `${strategy}-attach`;
      const asking = 'while ! read -r -t 1 line; do echo tell me; done; echo "heard $line"; sleep 1';
      await createJob(namespace, named("attach", script("main", asking, { stdin: true, tty: true })));
      const running = await untilLogged(namespace, name, "main", "tell me");
      expect(await attach(running.metadata.name, "good night")).toContain("heard good night");
      expect((await untilEnded(namespace, name)).outcome).toBe("Complete");
    });

    it("shareProcessNamespace: the containers see each other, and the Job completes", async () => {
      const main = script("main", "sleep 1; ps | grep -c 'sleep [1]'");
      const { outcome, pod } = await runJob(namespace, named("share", main, { pod: { shareProcessNamespace: true } }));
      expect(outcome).toBe("Complete");
      expect(Number(await logsOf(namespace, pod, "main"))).toBeGreaterThan(0);
      expect(await logsOf(namespace, pod, "sidecar")).toMatch(/stopping\nstopped/);
      expect(endOf(pod, "sidecar").exitCode).toBe(0);
    });

    it("hostUsers: false: in a user namespace of its own the Job completes", async ({ skip }) => {
      const name = `${strategy}-users`;
      await createJob(
        namespace,
        named("users", script("main", "cat /proc/self/uid_map"), { pod: { hostUsers: false } }),
      );
      const refusal = await sandboxRefusal(name);
      if (refusal !== undefined) skip(`this node cannot: ${refusal}`);
      const { outcome, pod } = await untilEnded(namespace, name);
      expect(outcome).toBe("Complete");
      expect(await logsOf(namespace, pod, "main")).not.toMatch(/^\s*0\s+0\s/);
      expect(await logsOf(namespace, pod, "sidecar")).toMatch(/stopping\nstopped/);
    });

    it("a Pod that is evicted ends as a deleted one does, and its successor completes", async () => {
      const name = `${strategy}-evicted`;
      await createJob(namespace, named("evicted", waitingMain, { spec: { backoffLimit: 2 } }));
      await untilLogged(namespace, name, "main", "working");
      const first = await untilLogged(namespace, name, "sidecar", "started");
      const sidecar = followLogs(namespace, first, "sidecar");
      const main = exec(namespace, first.metadata.name, "main", "sleep 2; touch /tmp/go");
      const { name: pod } = first.metadata;
      const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } };
      accepted(await request("POST", `${pathOf("Pod", namespace, pod)}/eviction`, eviction));
      await main;
      expect((await sidecar).map(({ text }) => text)).toEqual(expect.arrayContaining(["stopping", "stopped"]));
      const ended = await untilEnded(namespace, name, 5).catch(() => undefined);
      if (ended === undefined) {
        const next = await untilPod(namespace, name, "a successor", ({ metadata }) => metadata.name !== pod);
        await untilLogged(namespace, name, "main", "working");
        await exec(namespace, next.metadata.name, "main", "touch /tmp/go");
      }
      expect((await untilEnded(namespace, name)).outcome).toBe("Complete");
    });
  });
}

/** Why kubelet cannot make the Pod's sandbox; undefined once the Pod has been started. */
async function sandboxRefusal(jobName: string): Promise<string | undefined> {
  const { metadata } = await untilPod(namespace, jobName, "there", () => true);
  const query = `?fieldSelector=involvedObject.name%3D${metadata.name},reason%3DFailedCreatePodSandBox`;
  const seen = await until("the sandbox is made or refused", async () => {
    const events = await request<{ items: { message: string }[] }>("GET", `${pathOf("Event", namespace)}${query}`);
    const message = events.body.items[0]?.message;
    if (message !== undefined) return { message };
    const pod = await untilPod(namespace, jobName, "there", () => true);
    return pod.status.phase !== "Pending" && { message };
  });
  return seen.message;
}
