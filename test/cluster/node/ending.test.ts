/**
 * The one promise that matters: when main ends, for any reason, so do the sidecars, and every
 * container shows the right exit code.
 */
import { beforeAll, describe, expect, it } from "vitest";
import {
  createJob,
  endOf,
  logsOf,
  runJob,
  statusOf,
  untilEnded,
  untilLogged,
  untilPod,
  outputOf,
} from "../support/jobs.ts";
import { dind, dockerClient, dockerVolume, job, politeSidecar, script } from "../support/manifests.ts";
import { exec } from "../support/kubectl.ts";
import { testNamespace } from "../support/namespace.ts";
import { killContainer, startNodeShell, wasOomKilled } from "../support/node-shell.ts";

const namespace = testNamespace("ending");
beforeAll(() => startNodeShell(namespace));

const waitingMain = script("main", "until [ -e /tmp/go ]; do sleep 0.2; done; echo worked on");
const memory = { resources: { limits: { memory: "40Mi" } } };
const hoard = "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done";

for (const strategy of ["trap", "native"] as const) {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
  const named = (name: string, containers: readonly object[], options = {}) =>
    job(`${strategy}-${name}`, containers, { annotations, ...options });

  describe.concurrent(`under ${strategy}`, () => {
    it("the Job of 2020 without its hack completes, and dockerd ends by its own shutdown", async () => {
      const agent = { "curfew.sh/strategy": strategy };
      const manifest = named("docker", [dockerClient("true"), dind()], {
        annotations: agent,
        pod: { volumes: [dockerVolume] },
      });
      const { outcome, job: ended, pod } = await runJob(namespace, manifest);
      expect(outcome).toBe("Complete");
      expect(ended.metadata.annotations).toMatchObject({ "curfew.sh/injected": strategy });
      expect(await logsOf(namespace, pod, "agent")).toMatch(/^dockerd \d+\./m);
      expect(await logsOf(namespace, pod, "dind")).toContain("Daemon shutdown complete");
      expect(endOf(pod, "dind").exitCode).toBe(0);
    });

    it("a sidecar gets TERM, and time to stop", async () => {
      const { outcome, pod } = await runJob(namespace, named("plain", [script("main", "sleep 1"), politeSidecar()]));
      expect(outcome).toBe("Complete");
      expect(await outputOf(namespace, pod, "sidecar")).toMatch(/started\nstopping\nstopped/);
      expect(endOf(pod, "sidecar").exitCode).toBe(0);
    });

    it("if main fails, so does the Job: main shows 7, the sidecar 0", async () => {
      const { outcome, pod } = await runJob(namespace, named("fails", [script("main", "exit 7"), politeSidecar()]));
      expect(outcome).toBe("Failed");
      expect(endOf(pod, "main")).toMatchObject({ exitCode: 7, reason: "Error" });
      expect(endOf(pod, "sidecar").exitCode).toBe(0);
    });

    it("a main that's OOM-killed shows 137, and the sidecar ends", async () => {
      const { outcome, pod } = await runJob(namespace, named("oom", [script("main", hoard, memory), politeSidecar()]));
      expect(outcome).toBe("Failed");
      const { exitCode, reason } = endOf(pod, "main");
      // containerd can learn about the OOM after the exit. Then kubelet says Error, and it stays so
      // (containerd/containerd#12260).
      const isOom = reason === "OOMKilled" || (reason === "Error" && (await wasOomKilled(namespace, pod, "main")));
      expect({ exitCode, isOom }).toEqual({ exitCode: 137, isOom: true });
      expect(endOf(pod, "sidecar").exitCode).toBe(0);
    });

    it("a main that's SIGKILLed from the node shows 137, and the sidecar ends", async () => {
      await createJob(namespace, named("killed", [script("main", "echo working; sleep 600"), politeSidecar()]));
      const running = await untilLogged(namespace, `${strategy}-killed`, "main", "working");
      await untilLogged(namespace, `${strategy}-killed`, "sidecar", "started");
      await killContainer(namespace, running, "main");
      const { outcome, pod } = await untilEnded(namespace, `${strategy}-killed`);
      expect(outcome).toBe("Failed");
      expect(endOf(pod, "main").exitCode).toBe(137);
      expect(endOf(pod, "sidecar").exitCode).toBe(0);
    });

    it("a sidecar that's SIGKILLed from the node doesn't disturb main, and shows its exit code", async () => {
      await createJob(namespace, named("sidecar-killed", [waitingMain, politeSidecar()]));
      const running = await untilLogged(namespace, `${strategy}-sidecar-killed`, "sidecar", "started");
      await killContainer(namespace, running, "sidecar");
      const seen = await untilPod(namespace, `${strategy}-sidecar-killed`, "the sidecar's 137", (pod) => {
        const status = statusOf(pod, "sidecar");
        return (status?.state.terminated ?? status?.lastState.terminated)?.exitCode === 137;
      });
      await exec(namespace, seen.metadata.name, "main", "touch /tmp/go");
      const { pod } = await untilEnded(namespace, `${strategy}-sidecar-killed`);
      expect(endOf(pod, "main").exitCode).toBe(0);
      expect(await logsOf(namespace, pod, "main")).toContain("worked on");
    });
  });
}

describe.concurrent("under trap", () => {
  it("a sidecar that crashes by itself shows its own exit code", async () => {
    const annotations = { "curfew.sh/main": "main" };
    await createJob(namespace, job("crash", [waitingMain, script("sidecar", "exit 3")], { annotations }));
    const ended = await untilPod(namespace, "crash", "the sidecar ended, main running", (pod) => {
      return (
        statusOf(pod, "sidecar")?.state.terminated !== undefined && statusOf(pod, "main")?.state.running !== undefined
      );
    });
    await exec(namespace, ended.metadata.name, "main", "touch /tmp/go");
    const { pod } = await untilEnded(namespace, "crash");
    expect(endOf(pod, "main").exitCode).toBe(0);
    expect(endOf(pod, "sidecar").exitCode).toBe(3);
  });

  it("the Job of 2020, with its hack and with the label, loses the hack's flaws", async () => {
    const mount = { name: "tmp-pod", mountPath: "/usr/share/pod" };
    const client = dockerClient("true");
    const agent = {
      ...client,
      command: ["sh", "-c", `trap 'touch /usr/share/pod/done' EXIT; ${client.command.at(-1) ?? ""}`],
      volumeMounts: [mount],
    };
    const loop = "dockerd-entrypoint.sh & while ! test -f /usr/share/pod/done; do sleep 5; done; exit 0";
    const sidecar = dind({ command: ["sh", "-c", loop] });
    sidecar.volumeMounts.push(mount);
    const volumes = [dockerVolume, { name: "tmp-pod", emptyDir: {} }];
    const { outcome, job: ended, pod } = await runJob(namespace, job("hack", [agent, sidecar], { pod: { volumes } }));
    expect(ended.metadata.annotations).toMatchObject({ "curfew.sh/injected": "trap" });
    expect(outcome).toBe("Complete");
    expect(endOf(pod, "agent").exitCode).toBe(0);
    expect(await logsOf(namespace, pod, "dind")).toContain("Daemon shutdown complete");
  });
});
