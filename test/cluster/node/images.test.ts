/**
 * All kinds of images: those with a shell can be wrapped, those without one become native sidecars,
 * and nothing hangs.
 */
import { describe, expect, it } from "vitest";
import { linesOf, timeOf } from "../support/follow-logs.ts";
import { endOf, logsOf, runJob, outputOf } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("images");
const restricted = testNamespace("images-restricted", { "pod-security.kubernetes.io/enforce": "restricted" });

const PROXY = "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.18.2";
const proxy = (name: string) => ({
  name,
  image: PROXY,
  imagePullPolicy: "IfNotPresent",
  command: ["/cloud-sql-proxy"],
});

const IMAGES = { busybox: "busybox:1", debian: "debian:bookworm-slim", node: "node:24-bookworm-slim" } as const;

for (const strategy of ["trap", "native"] as const) {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };

  describe.concurrent(`under ${strategy}`, () => {
    it("a restricted Pod, without root and with a read-only root filesystem, completes in a restricted namespace", async () => {
      const securityContext = {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      };
      const main = script("main", "id -u; touch /file 2>/dev/null || echo read-only", { securityContext });
      const pod = {
        securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: "RuntimeDefault" } },
      };
      const manifest = job(`${strategy}-restricted`, [main, politeSidecar("sidecar", 0, { securityContext })], {
        annotations,
        pod,
      });
      const ended = await runJob(restricted, manifest);
      expect(ended.outcome).toBe("Complete");
      expect(await logsOf(restricted, ended.pod, "main")).toBe("65534\nread-only\n");
      expect(await outputOf(restricted, ended.pod, "sidecar")).toMatch(/stopping\nstopped/);
      expect(endOf(ended.pod, "sidecar").exitCode).toBe(0);
    });

    for (const [name, image] of Object.entries(IMAGES)) {
      it(`${name} as main completes, with the other images as sidecars`, async () => {
        const sidecars = Object.entries(IMAGES)
          .filter(([other]) => other !== name)
          .map(([other, image]) => politeSidecar(other, 0, { image }));
        const manifest = job(`${strategy}-${name}`, [script("main", "sleep 1; exit 0", { image }), ...sidecars], {
          annotations,
        });
        const { outcome, pod } = await runJob(namespace, manifest);
        expect(outcome).toBe("Complete");
        for (const sidecar of sidecars) {
          expect(await outputOf(namespace, pod, sidecar.name)).toMatch(/stopping\nstopped/);
          expect(endOf(pod, sidecar.name).exitCode).toBe(0);
        }
      });
    }
  });
}

describe.concurrent("a Node program", () => {
  it("ends as it would by itself, as main and as a sidecar", async () => {
    const node = (name: string, text: string) => ({
      ...{ name, image: IMAGES.node, imagePullPolicy: "IfNotPresent" },
      command: ["node", "-e", text],
    });
    const client = `(function ask() {
      fetch("http://127.0.0.1:8080").then(() => console.log("done"), () => setTimeout(ask, 100)); })()`;
    const server = `process.on("SIGTERM", () => { console.log("closing"); process.exit(0); });
      require("node:http").createServer((_, answer) => answer.end()).listen(8080, "127.0.0.1");`;
    const containers = [node("main", client), node("sidecar", server)];
    const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": "trap" };
    const { outcome, pod } = await runJob(namespace, job("node-program", containers, { annotations }));
    expect(outcome).toBe("Complete");
    expect(await logsOf(namespace, pod, "main")).toBe("done\n");
    expect(await logsOf(namespace, pod, "sidecar")).toContain("closing");
  });
});

describe.concurrent("an image without a shell", () => {
  it("becomes a native sidecar under auto, and the Job completes", async () => {
    const manifest = job("no-shell", [proxy("proxy"), script("main", "sleep 1")]);
    const { outcome, job: ended, pod } = await runJob(namespace, manifest);
    expect(ended.metadata.annotations).toMatchObject({ "curfew.sh/injected": "native" });
    expect(outcome).toBe("Complete");
    expect(await logsOf(namespace, pod, "proxy")).toContain("received terminated");
  });

  it("as main under trap, fails with StartError; after the start timeout its sidecar says so, stops, and ends with 1", async () => {
    const annotations = {
      "curfew.sh/main": "main",
      "curfew.sh/strategy": "trap",
      "curfew.sh/start-timeout-seconds": "8",
      "shell.curfew.sh/main": "/bin/sh",
    };
    const manifest = job("start-error", [proxy("main"), politeSidecar()], { annotations });
    const { outcome, reason, job: ended, pod } = await runJob(namespace, manifest);
    expect(ended.metadata.annotations).toMatchObject({ "curfew.sh/injected": "trap" });
    expect([outcome, reason]).toEqual(["Failed", "BackoffLimitExceeded"]);
    const main = endOf(pod, "main");
    expect(main).toMatchObject({ exitCode: 128, reason: "StartError" });
    expect(main.message).toContain("/bin/sh");
    expect(endOf(pod, "sidecar")).toMatchObject({ exitCode: 1, reason: "Error" });
    const lines = await linesOf(namespace, pod, "sidecar");
    const told = "curfew: main has not started within 8 s";
    // It's written to stderr, which the container runtime reads separately from stdout.
    expect(lines.map(({ text }) => text).filter((text) => text !== told)).toEqual(["started", "stopping", "stopped"]);
    const waited = timeOf(lines, told) - timeOf(lines, "started");
    expect(waited).toBeGreaterThan(4500);
    expect(waited).toBeLessThan(15_000);
  });
});
