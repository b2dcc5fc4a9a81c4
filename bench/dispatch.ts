/**
 * The dispatcher next to a client that only creates the same Jobs: a burst of as many webhooks as a
 * build can have jobs, single webhooks, memory. It runs against a real API server: KUBECONFIG's, or
 * one of its own. If it can't start one, and in short runs, it runs against the tests' small one.
 * The Jobs are suspended, so they get no Pods.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { bundle } from "../scripts/bundle.ts";
import type { DispatchConfig } from "../src/dispatch/config/dispatch-config.ts";
import { parseConfig } from "../src/dispatch/config/parse-config.ts";
import { DEFAULT_TEMPLATE } from "../src/dispatch/config/default-template.ts";
import { parseEvent } from "../src/dispatch/buildkite/event.ts";
import { planAgentJob, type AgentJob } from "../src/dispatch/jobs/plan-agent-job.ts";
import { routeDelivery } from "../src/dispatch/queue/route.ts";
import { webhookPayload } from "../sim/buildkite/webhook.ts";
import { bareJobs, type BareJobs } from "./lib/bare-jobs.ts";
import { CORES } from "./lib/cores.ts";
import { benchInCluster, clusterMissing } from "./lib/in-cluster.ts";
import { nodeOptionsOf } from "./lib/node-options.ts";
import { compare, figureOf, percentile, type Bench } from "./lib/result.ts";
import { startProgram, startServer, type ServerProcess } from "./lib/server-process.ts";
import { CONNECTIONS, inParallel, webhookSender } from "./lib/webhook-sender.ts";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const API_SERVER = fileURLToPath(new URL("servers/api-server.ts", import.meta.url));
const SECRET_NAME = "BENCH_SECRET";
const SECRET = "bench";

export const dispatch: Bench = {
  summary: "a burst of webhooks turned into Jobs, next to a client that only creates the Jobs",
  async run(options) {
    const { short, note } = options;
    const given = process.env["KUBECONFIG"];
    if (given === undefined && !short) {
      const missing = clusterMissing();
      if (missing === undefined) return benchInCluster("api", "dispatch", options);
      note(`against the tests' small API server: ${missing}`);
    }
    // Buildkite documents 4,000 jobs as the most for a build.
    const [rounds, burst, singles] = short ? [2, 500, 100] : [5, 4000, 500];
    const folder = mkdtempSync(join(tmpdir(), "curfew-bench-"));
    const servers: ServerProcess[] = [];
    const namespace = `curfew-bench-${process.pid}`;
    let client: BareJobs | undefined;
    try {
      await bundle(true);
      const kubeconfig = given === undefined ? await startSmallApiServer() : readFileSync(given, "utf8");
      const bare = await bareJobs(kubeconfig, CONNECTIONS);
      client = bare;
      const namespaceObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
      if (given !== undefined) await bare.send("POST", "/api/v1/namespaces", namespaceObject);

      const config = configFor(namespace);
      const files = { config: join(folder, "dispatch.yaml"), kubeconfig: join(folder, "kubeconfig") };
      writeFileSync(files.config, config.text);
      writeFileSync(files.kubeconfig, kubeconfig);
      const args = ["--config", files.config, "--host", "127.0.0.1", "--port", "0", "--ops-port", "0"];
      const env = ["env", `KUBECONFIG=${files.kubeconfig}`, `${SECRET_NAME}=${SECRET}`];
      const program = [...env, process.execPath, ...nodeOptionsOf("dispatch/server"), CLI, "dispatch", ...args];
      // A real API server takes both cores, so a pinned dispatcher would wait for one of them.
      const core = given === undefined ? CORES.server : [];
      const dispatcher = await startProgram(program, join(folder, "dispatch.log"), core);
      servers.push(dispatcher);
      const webhooks = webhookSender(dispatcher.port, SECRET);
      const atRest = await dispatcher.residentMiB();
      const createBare = (job: string): Promise<number> => bare.create(namespace, job);
      const prepareBare = (): string => JSON.stringify(bareJob(config.config));
      const many = <T>(count: number, prepare: () => T): T[] => Array.from({ length: count }, prepare);

      // Warms both up.
      await inParallel(many(burst / 10, webhooks.prepare), webhooks.send);
      await inParallel(many(burst / 10, prepareBare), createBare);
      // Before the bursts, because Kubernetes' own controllers work on those for a while.
      const times = { curfew: [] as number[], bare: [] as number[] };
      for (let count = 0; count < singles; count++) {
        times.curfew.push(await webhooks.send(webhooks.prepare()));
        times.bare.push(await createBare(prepareBare()));
      }
      const rates = { curfew: [] as number[], bare: [] as number[] };
      const rateOf = async <T>(prepare: () => T, call: (item: T) => Promise<number>): Promise<number> => {
        const items = many(burst, prepare);
        const start = performance.now();
        await inParallel(items, call);
        return (burst / (performance.now() - start)) * 1000;
      };
      let peak = Number.NaN;
      for (let round = 1; round <= rounds; round++) {
        // They take turns in going first, because Kubernetes' own controllers still work on the
        // previous burst.
        if (round % 2 === 0) rates.bare.push(await rateOf(prepareBare, createBare));
        rates.curfew.push(await rateOf(webhooks.prepare, webhooks.send));
        if (round === 1) peak = await dispatcher.peakMiB();
        if (round % 2 === 1) rates.bare.push(await rateOf(prepareBare, createBare));
        note(`round ${round} of ${rounds}: ${burst} webhooks, all answered with a Job created`);
      }
      webhooks.close();
      const expected = 2 * (burst / 10 + singles + rounds * burst);
      const lost = expected - (await bare.count(namespace));

      const p50 = { curfew: percentile(times.curfew, 0.5), bare: percentile(times.bare, 0.5) };
      const p99 = { curfew: percentile(times.curfew, 0.99), bare: percentile(times.bare, 0.99) };
      const baseline = (value: number) => ({ what: "bare client", figure: figureOf([value]) });
      return [
        compare(
          { what: `Jobs of a burst of ${burst}`, unit: "Jobs/s", reach: { atLeast: short ? 0.15 : 0.9 } },
          rates.curfew,
          { what: "bare client", values: rates.bare },
        ),
        {
          what: "webhook to Job created, p50",
          unit: "ms",
          curfew: figureOf([p50.curfew]),
          baseline: baseline(p50.bare),
          reach: { atMost: p50.bare + (short ? 50 : 3) },
        },
        {
          what: "webhook to Job created, p99",
          unit: "ms",
          curfew: figureOf([p99.curfew]),
          baseline: baseline(p99.bare),
        },
        { what: "webhooks without a Job", unit: "Jobs", curfew: figureOf([lost]), reach: { atMost: 0 } },
        { what: "memory at rest", unit: "MiB", curfew: figureOf([atRest]) },
        {
          what: `memory, peak of a burst of ${burst}`,
          unit: "MiB",
          curfew: figureOf([peak]),
          reach: { atMost: short ? 300 : 150 },
        },
        { what: `memory, peak of ${rounds} bursts`, unit: "MiB", curfew: figureOf([await dispatcher.peakMiB()]) },
      ];
    } finally {
      if (given !== undefined) await client?.send("DELETE", `/api/v1/namespaces/${namespace}`);
      client?.close();
      for (const server of servers) await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }

    async function startSmallApiServer(): Promise<string> {
      const log = join(folder, "api-server.log");
      servers.push(await startServer([API_SERVER], log, CORES.load));
      return (JSON.parse(readFileSync(log, "utf8")) as { kubeconfig: string }).kubeconfig;
    }
  },
};

function configFor(namespace: string): { readonly text: string; readonly config: DispatchConfig } {
  const template = { ...DEFAULT_TEMPLATE, spec: { ...DEFAULT_TEMPLATE.spec, suspend: true } };
  // Without the label, because what an admission webhook adds is measured elsewhere.
  const queue = { name: "kubernetes", default: true, namespace, template: { ...template, metadata: {} } };
  const text = stringify({ webhook: { secrets: [{ env: SECRET_NAME }] }, queues: [queue] });
  const parsed = parseConfig(text, { env: { [SECRET_NAME]: SECRET }, readFile: (path) => readFileSync(path, "utf8") });
  if (parsed.kind === "invalid") throw new Error(parsed.problems.join("\n"));
  return { text, config: parsed.config };
}

/** The Job that a webhook would make, for the bare client. */
function bareJob(config: DispatchConfig): AgentJob {
  const event = parseEvent("job.scheduled", webhookPayload("job.scheduled", { id: randomUUID() }));
  if (event.kind !== "scheduled") throw new Error(event.kind);
  const route = routeDelivery(config, event.buildkiteJob, event.origin);
  if (route.kind !== "queue") throw new Error(route.reason);
  return planAgentJob({ ...route, buildkiteJob: event.buildkiteJob, attempt: 1 });
}
