/**
 * A bad week in a minute, with the real API server, the real Job controller, and two real processes
 * of `curfew dispatch`. Webhooks are lost, or come twice and late; one process is killed; the API
 * server is down; Buildkite is too busy; the queue is paused. In the end, each job has run exactly
 * once and no Job hangs. Kubelet and agents are simulated. The API server seems down because a
 * proxy in front of it is shut, so that the other tests can go on.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, it } from "vitest";
import { stringify } from "yaml";
import { scheduleInBadWeek } from "../../support/dispatch/bad-week.ts";
import { randomOf } from "../../support/random.ts";
import { createAgents } from "../../../sim/buildkite/agents.ts";
import { deliver, webhookPayload } from "../../../sim/buildkite/webhook.ts";
import { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";
import { accepted, connect, pathOf, request } from "../support/api.ts";
import { startDispatcherProcess, type DispatcherProcess } from "../support/dispatcher-process.ts";
import type { Job } from "../support/jobs.ts";
import { testNamespace } from "../support/namespace.ts";
import { playKubelet } from "../support/pods-without-kubelet.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const JOBS = 300;
const SECRET = "the webhook's token";
/**
 * Both at the same time: each has its own Buildkite, dispatchers, namespace, and proxy to the API
 * server.
 */
describe.concurrent.for(["queue", "acquire"] as const)("in %s mode", (mode) => {
  const namespace = testNamespace(`chaos-${mode}`);

  it(`runs each of ${JOBS} jobs exactly once, and every Job ends`, { timeout: 240_000 }, async (context) => {
    const { expect, onTestFailed, onTestFinished } = context;
    const began = performance.now();
    const fake = await new FakeBuildkite().listen();
    const random = randomOf(context);
    const agents = createAgents(fake, {
      startMs: () => 200 + random() * 1000,
      runMs: () => 100 + random() * 2000,
      idleMs: 4000,
      dies: () => random() < 0.05,
    });
    const stop = new AbortController();
    const kubelet = playKubelet(namespace, agents, stop.signal);

    const folder = mkdtempSync(path.join(tmpdir(), "curfew-chaos-"));
    const [config, kubeconfig] = [path.join(folder, "dispatch.yaml"), path.join(folder, "kubeconfig")];
    writeFileSync(config, configuration(mode, namespace, fake.endpoint));
    const door = await writeKubeconfig(kubeconfig);
    const env = { KUBECONFIG: kubeconfig, SECRET, AGENT_TOKEN: fake.agentToken };
    const start = (): Promise<DispatcherProcess> => startDispatcherProcess(config, env);
    const replicas = await Promise.all([start(), start()] as const);
    onTestFinished(async () => {
      await Promise.all(replicas.map((replica) => replica.kill()));
      stop.abort();
      await Promise.all([kubelet, fake.close(), door.shut()]);
      rmSync(folder, { recursive: true });
    });
    onTestFailed(() => {
      for (const { log } of replicas) console.error(log());
    });
    const send = (job: FakeJob): Promise<unknown> =>
      deliver(replicas[random() < 0.5 ? 0 : 1].url, SECRET, webhookPayload("job.scheduled", job));

    const mishaps = async (): Promise<void> => {
      await sleep(2000);
      await replicas[0].kill();
      await sleep(500);
      replicas[0] = await start();
      await sleep(1000);
      await door.shut();
      await sleep(5000);
      await door.open();
      fake.fault = () => (random() < 0.3 ? { status: 429 } : undefined);
      await sleep(2000);
      fake.fault = () => undefined;
      fake.paused = true;
      await sleep(3000);
      fake.paused = false;
    };
    const options = { jobs: JOBS, random, gapMs: 100, lateMs: [4000, 8000], send } as const;
    const [week] = await Promise.all([scheduleInBadWeek(fake, options), mishaps()]);

    const jobs = [...fake.jobs.values()];
    const isLeft = ({ state }: FakeJob): boolean => state !== "finished";
    await expect.poll(() => jobs.filter(isLeft), { timeout: 120_000 }).toEqual([]);
    await week.over;
    await expect.poll(() => agents.counts.running).toBe(0);
    await expect.poll(async () => (await jobsOf(namespace)).filter((job) => !hasEnded(job))).toEqual([]);
    const created = (await jobsOf(namespace)).length;
    const seconds = Math.round((performance.now() - began) / 1000);
    const figures = { webhooks: week.webhooks, created, agents: agents.counts, seconds };
    console.log(`${mode} mode, ${JOBS} jobs: ${JSON.stringify(figures)}`);
    expect(jobs.filter(({ runs, exitStatus }) => runs !== 1 || exitStatus !== 0)).toEqual([]);
    const { ran, idle, refused, died } = agents.counts;
    expect(agents.counts).toMatchObject({ ran: JOBS, killed: 0, deleted: 0 });
    expect(created).toBe(ran + idle + refused + died);
  });
});

function configuration(mode: string, namespace: string, endpoint: string): string {
  return stringify({
    webhook: { secrets: [{ env: "SECRET" }], lateAfterSeconds: 2 },
    stacks: { agentToken: { env: "AGENT_TOKEN" }, endpoint, intervalSeconds: 2 },
    queues: [{ name: "kubernetes", mode, namespace, retrySeconds: 1, reservationSeconds: 10, idleTimeoutSeconds: 4 }],
  });
}

/** All Jobs of the namespace. */
async function jobsOf(namespace: string): Promise<readonly Job[]> {
  return accepted(await request<{ items: Job[] }>("GET", pathOf("Job", namespace))).items;
}

function hasEnded({ status }: Job): boolean {
  return status.conditions?.some((one) => /^(Complete|Failed)$/.test(one.type) && one.status === "True") ?? false;
}

/** Writes a kubeconfig like the tests' own, but for a proxy in front of the API server. */
async function writeKubeconfig(file: string): Promise<TcpProxy> {
  const { server } = connect();
  const { hostname, port } = new URL(server);
  const door = await startTcpProxy(hostname, Number(port));
  const text = readFileSync(process.env["KUBECONFIG"] ?? "", "utf8");
  writeFileSync(file, text.replace(server, `https://127.0.0.1:${door.port}`));
  return door;
}
