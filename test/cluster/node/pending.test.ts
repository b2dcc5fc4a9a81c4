/**
 * Agents that can't start, on a real kubelet: what their builds' pages say in the end, word by word.
 * `curfew dispatch` runs as a process, against a fake of Buildkite.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { listen } from "../../../src/http/listen.ts";
import { START_FAILURES, type CauseId } from "../../../src/dispatch/jobs/start-failures.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";
import { startDispatcherProcess, type DispatcherProcess } from "../support/dispatcher-process.ts";
import { accepted, pathOf, request } from "../support/api.ts";
import { testNamespace } from "../support/namespace.ts";
import { reachableBuildkite } from "../support/reachable-buildkite.ts";

const namespace = testNamespace("pending", { "pod-security.kubernetes.io/enforce": "baseline" });
const buildkite = reachableBuildkite();
const folder = mkdtempSync(path.join(tmpdir(), "curfew-pending-"));
/** A registry that has no image. containerd speaks plain HTTP to registries of its own machine. */
const registry = createServer((_request, response) => {
  response.writeHead(404, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] }));
});
let dispatcher: DispatcherProcess;

interface Case {
  readonly cause: CauseId;
  /** What's wrong with the template. */
  readonly container?: (registryPort: number) => object;
  readonly pod?: object;
  /** Kubernetes' own words, and the names. */
  readonly says: readonly string[];
}

const missingSecret = { name: "A", valueFrom: { secretKeyRef: { name: "npm-token", key: "token" } } };
const CASES: readonly Case[] = [
  {
    cause: "image-pull",
    container: (port) => ({ image: `127.0.0.1:${port}/agent:typo` }),
    says: ['Container "agent" (image "127.0.0.1:', "/agent:typo\") can't start", "ErrImagePull", "not found"],
  },
  { cause: "image-name", container: () => ({ image: "Agent:3" }), says: ["InvalidImageName"] },
  { cause: "config", container: () => ({ env: [missingSecret] }), says: ['secret "npm-token" not found'] },
  {
    cause: "mount",
    pod: { volumes: [{ name: "keys", secret: { secretName: "keys" } }] },
    container: () => ({ volumeMounts: [{ name: "keys", mountPath: "/keys" }] }),
    says: ['secret "keys" not found'],
  },
  {
    cause: "volume-claim",
    pod: { volumes: [{ name: "cache", persistentVolumeClaim: { claimName: "cache" } }] },
    says: ['persistentvolumeclaim "cache" not found'],
  },
  { cause: "unschedulable", pod: { nodeSelector: { gpu: "a100" } }, says: ["0/1 nodes are available"] },
  { cause: "pod-refused", pod: { priorityClassName: "ci-urgent" }, says: ["no PriorityClass with name ci-urgent"] },
  {
    cause: "pod-refused",
    container: () => ({ securityContext: { privileged: true } }),
    says: ['violates PodSecurity "baseline:latest"', "must not set securityContext.privileged=true"],
  },
];

const tagOf = (index: number): string => `case-${index}`;

beforeAll(async () => {
  const port = await listen(registry, "127.0.0.1", 0);
  const cases: readonly Pick<Case, "container" | "pod">[] = [...CASES, {}];
  const templates = cases.map(({ container, pod }, index) => ({
    tags: { case: tagOf(index) },
    template: {
      spec: {
        template: {
          spec: {
            restartPolicy: "Never",
            automountServiceAccountToken: false, // only what a case says is to fail
            containers: [{ name: "agent", image: "busybox:1", imagePullPolicy: "IfNotPresent", ...container?.(port) }],
            ...pod,
          },
        },
      },
    },
  }));
  const queue = { namespace, templates, pendingTimeoutSeconds: 60 };
  const config = {
    webhook: { secrets: [{ env: "SECRET" }] },
    stacks: { agentToken: { env: "AGENT_TOKEN" }, endpoint: buildkite.endpoint, intervalSeconds: 5 },
    queues: [
      { ...queue, name: "queue", mode: "queue" },
      { ...queue, name: "acquire", mode: "acquire" },
    ],
  };
  writeFileSync(path.join(folder, "dispatch.yaml"), stringify(config));
  const env = { KUBECONFIG: process.env["KUBECONFIG"] ?? "", SECRET: "s", AGENT_TOKEN: buildkite.agentToken };
  dispatcher = await startDispatcherProcess(path.join(folder, "dispatch.yaml"), env);
});
afterAll(async () => {
  await dispatcher.kill();
  registry.close();
  rmSync(folder, { recursive: true });
});

describe.concurrent.for(["queue", "acquire"])("in %s mode", (queue) => {
  it.for(CASES.map((one, index) => ({ ...one, index })))(
    "an agent that can't start ($cause: $says.0) ends its build's job with Kubernetes' words, and its Job goes",
    { timeout: 240_000 },
    async ({ cause, says, index }, { expect, annotate, onTestFailed }) => {
      onTestFailed(() => {
        console.error(dispatcher.log());
      });
      const job: FakeJob = buildkite.schedule({ queue, rules: [`queue=${queue}`, `case=${tagOf(index)}`] });
      await expect.poll(() => job.state, { timeout: 180_000, interval: 200 }).toBe("finished");
      await annotate(`${cause}: ${job.detail ?? ""}`);
      expect(job).toMatchObject({ exitStatus: -1, runs: 0 });
      expect(job.detail).toContain("Curfew gave up on this job.");
      for (const words of [...says, START_FAILURES[cause].sentence, START_FAILURES[cause].advice])
        expect(job.detail).toContain(words);
      // These can fail three times between two passes, and then the build is given up untold.
      const mayBeUntold = ["image-name", "mount", "pod-refused"].includes(cause);
      const told = job.notifications.map(({ detail }) => detail).join();
      if (!(mayBeUntold && told === "")) expect(told).toContain(says[0]);
      await expect
        .poll(async () => (await request("GET", `${pathOf("Job", namespace)}/buildkite-${job.id}`)).status)
        .toBe(404);
    },
  );
});

it(
  "a build's page says that the quota is used up, and the build waits until there's room",
  { timeout: 120_000 },
  async () => {
    const quota = { metadata: { name: "builds" }, spec: { hard: { pods: "0" } } };
    accepted(await request("POST", `/api/v1/namespaces/${namespace}/resourcequotas`, quota));
    const job = buildkite.schedule({ queue: "queue", rules: ["queue=queue", `case=${tagOf(CASES.length)}`] });
    await expect.poll(() => job.notifications.length, { timeout: 60_000 }).toBe(1);
    expect(job.notifications[0]?.detail).toContain("ResourceQuota is used up");
    expect(job.state).toBe("scheduled");
  },
);
