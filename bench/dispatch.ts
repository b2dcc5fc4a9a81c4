/**
 * The dispatcher beside a client that only creates the same Jobs: a burst of as many webhooks as a build may have jobs, single
 * webhooks, memory. Against the API server of KUBECONFIG (`npm run cluster:run -- npm run bench -- dispatch`), else against the small one
 * of the tests. The Jobs are suspended, so that no Pod comes of them.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { bundle } from "../scripts/bundle.ts";
import { parseConfig, type DispatchConfig } from "../src/dispatch/config.ts";
import { DEFAULT_TEMPLATE } from "../src/dispatch/default-template.ts";
import { parseEvent } from "../src/dispatch/event.ts";
import { planAgentJob, type AgentJob } from "../src/dispatch/plan-agent-job.ts";
import { routeDelivery } from "../src/dispatch/route.ts";
import { signatureOf, webhookPayload } from "../test/support/fake-buildkite-webhook.ts";
import { bareJobs, type BareJobs } from "./lib/bare-jobs.ts";
import { CORES } from "./lib/cores.ts";
import { compare, figureOf, percentile, type Bench, type Row } from "./lib/result.ts";
import { startServer, type ServerProcess } from "./lib/server-process.ts";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const API_SERVER = fileURLToPath(new URL("servers/api-server.ts", import.meta.url));
const SECRET = "bench";
/** How many requests are open at once, to the dispatcher and to the API server alike. */
const CONNECTIONS = 64;

export const dispatch: Bench = {
  summary: "a burst of webhooks turned into Jobs, beside a client that only creates the Jobs",
  async run({ short, note }) {
    // 4,000 jobs are the most that Buildkite documents for a build.
    const [rounds, burst, singles] = short ? [2, 500, 100] : [5, 4000, 500];
    const folder = mkdtempSync(join(tmpdir(), "curfew-bench-"));
    const servers: ServerProcess[] = [];
    const namespace = `curfew-bench-${process.pid}`;
    let bare: BareJobs | undefined;
    try {
      await bundle(true);
      const given = process.env["KUBECONFIG"];
      const kubeconfig = given === undefined ? await startSmallApiServer() : readFileSync(given, "utf8");
      note(given === undefined ? "the small API server of the tests" : `the API server of ${given}`);
      bare = await bareJobs(kubeconfig, CONNECTIONS);
      const namespaceObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
      if (given !== undefined) await bare.send("POST", "/api/v1/namespaces", namespaceObject);

      const config = configFor(namespace);
      const file = join(folder, "dispatch.yaml");
      writeFileSync(file, config.text);
      process.env["KUBECONFIG"] = join(folder, "kubeconfig");
      process.env["BENCH_SECRET"] = SECRET;
      writeFileSync(process.env["KUBECONFIG"], kubeconfig);
      const args = ["--config", file, "--host", "127.0.0.1", "--port", "0", "--ops-port", "0", "--log-level", "info"];
      const dispatcher = await startServer([CLI, "dispatch", ...args], join(folder, "dispatch.log"));
      servers.push(dispatcher);
      const webhooks = webhookSender(dispatcher.port);
      const atRest = await dispatcher.residentMiB();

      const times = { curfew: [] as number[], bare: [] as number[] };
      const createBare = (one: BareJobs): Promise<number> => one.create(namespace, bareJob(config.config));
      // To warm both up.
      await inParallel(burst / 10, () => webhooks.send());
      const client = bare;
      await inParallel(burst / 10, () => createBare(client));
      const rates = { curfew: [] as number[], bare: [] as number[] };
      const burstTimes: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        const start = performance.now();
        burstTimes.push(...(await inParallel(burst, () => webhooks.send())));
        rates.curfew.push((burst / (performance.now() - start)) * 1000);
        const middle = performance.now();
        await inParallel(burst, () => createBare(client));
        rates.bare.push((burst / (performance.now() - middle)) * 1000);
        note(`round ${round} of ${rounds}: ${burst} webhooks, all answered with a Job created`);
      }
      for (let count = 0; count < singles; count++) {
        times.curfew.push(await webhooks.send());
        times.bare.push(await createBare(client));
      }
      const added = percentile(times.curfew, 0.5) - percentile(times.bare, 0.5);
      const rows: Row[] = [
        compare(
          { what: `Jobs of a burst of ${burst}`, unit: "req/s", reach: { atLeast: short ? 0.5 : 0.9 } },
          rates.curfew,
          {
            what: "bare client",
            values: rates.bare,
          },
        ),
        { what: "webhook to Job created, p50", unit: "ms", curfew: figureOf([percentile(times.curfew, 0.5)]) },
        { what: "webhook to Job created, p99", unit: "ms", curfew: figureOf([percentile(times.curfew, 0.99)]) },
        {
          what: "of that beyond a bare creation, p50",
          unit: "ms",
          curfew: figureOf([added]),
          reach: { atMost: short ? 10 : 3 },
        },
        { what: "in a burst, p99", unit: "ms", curfew: figureOf([percentile(burstTimes, 0.99)]) },
        { what: "memory at rest", unit: "MiB", curfew: figureOf([atRest]) },
        {
          what: "memory at its peak",
          unit: "MiB",
          curfew: figureOf([await dispatcher.peakMiB()]),
          reach: { atMost: 150 },
        },
      ];
      webhooks.close();
      return rows;
    } finally {
      if (process.env["KUBECONFIG"] !== undefined) await bare?.send("DELETE", `/api/v1/namespaces/${namespace}`);
      bare?.close();
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
  // Without the label: what an admission webhook adds is measured elsewhere.
  const queue = { name: "kubernetes", default: true, namespace, template: { ...template, metadata: {} } };
  const text = stringify({ webhook: { secrets: [{ env: "BENCH_SECRET" }] }, queues: [queue] });
  const parsed = parseConfig(text, { env: { BENCH_SECRET: SECRET }, readFile: (path) => readFileSync(path, "utf8") });
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

function webhookSender(port: number): { readonly send: () => Promise<number>; readonly close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  return {
    /** Milliseconds until the answer that its Job is created. */
    send() {
      const body = JSON.stringify(webhookPayload("job.scheduled", { id: randomUUID() }));
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-buildkite-signature": signatureOf(SECRET, Math.floor(Date.now() / 1000), body),
      };
      const start = performance.now();
      return new Promise((resolve, reject) => {
        const sent = request(
          { port, host: "127.0.0.1", path: "/webhooks/buildkite", method: "POST", agent, headers },
          (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => (text += chunk.toString()));
            response.on("end", () => {
              if (text.includes('"created"')) resolve(performance.now() - start);
              else reject(new Error(`${String(response.statusCode)}: ${text}`));
            });
          },
        );
        sent.on("error", reject).end(body);
      });
    },
    close() {
      agent.destroy();
    },
  };
}

/** Keeps CONNECTIONS calls open until `count` are done; what each resolved to. */
async function inParallel(count: number, call: () => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < count) {
      started++;
      results.push(await call());
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return results;
}
