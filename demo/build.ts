/**
 * A Buildkite job that waits for an agent: its webhook, and the real dispatcher, which makes a Job
 * from it. Buildkite itself is a small local fake.
 */
import { randomUUID } from "node:crypto";
import { KubeConfig } from "@kubernetes/client-node";
import { stringify } from "yaml";
import { parseConfig } from "../src/dispatch/config/parse-config.ts";
import type { DispatchConfig } from "../src/dispatch/config/dispatch-config.ts";
import { startDispatcher } from "../src/dispatch/dispatcher.ts";
import { JOB_LABEL } from "../src/dispatch/jobs/plan-agent-job.ts";
import { createLogger } from "../src/process/log.ts";
import { createRegistry } from "../src/process/metrics.ts";
import type { JobObject } from "../sim/api-server/api-server.ts";
import { deliver, webhookPayload } from "../sim/buildkite/webhook.ts";
import { FakeBuildkite } from "../sim/buildkite/buildkite.ts";
import type { Cluster } from "./cluster.ts";

export interface Build {
  /** As it's stored, with what Curfew's admission added. */
  readonly job: JobObject;
  /** From sending the webhook to the dispatcher's answer. This includes the creation of the Job. */
  readonly ms: number;
  /**
   * The agent asks Buildkite for a job.
   * @throws if there's no job for it
   */
  readonly agentStarted: () => void;
  /** The agent reports how its job ended. */
  readonly agentFinished: (exitStatus: number) => void;
  /** The job's, as Buildkite has it. Undefined: the job isn't finished yet. */
  readonly exitStatus: () => number | undefined;
}

/**
 * Sends a webhook for one job. `example` is the Job that serves as the queue's template. Resolves
 * once the webhook is answered.
 * @throws if the dispatcher made no Job
 */
export async function startBuild(cluster: Cluster, example: JobObject): Promise<Build> {
  const template = { metadata: { labels: example.metadata.labels }, spec: example.spec };
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(cluster.kubeconfig);
  const dispatcher = await startDispatcher({
    config: configOf(template),
    kubeConfig,
    registry: createRegistry(),
    log: createLogger("dispatch", "silent"),
    host: "127.0.0.1",
    port: 0,
  });
  try {
    const buildkite = new FakeBuildkite(); // nobody calls it, so it doesn't listen
    const waiting = buildkite.schedule();
    const url = `http://127.0.0.1:${dispatcher.port}/webhooks/buildkite`;
    const sent = performance.now();
    const { status, body } = await deliver(url, SECRET, webhookPayload("job.scheduled", waiting));
    const ms = performance.now() - sent;
    const job = cluster.jobs().find(({ metadata }) => metadata.labels?.[JOB_LABEL] === waiting.id);
    if (!job) throw new Error(`the dispatcher made no Job: it answered ${status} ${JSON.stringify(body)}`);
    return {
      job,
      ms,
      agentStarted() {
        if (buildkite.dispatchTo(waiting.rules) !== waiting) throw new Error("Buildkite has no job for the agent");
        buildkite.start(waiting.id);
      },
      agentFinished(exitStatus) {
        buildkite.finish(waiting.id, exitStatus);
      },
      exitStatus: () => waiting.exitStatus,
    };
  } finally {
    dispatcher.close();
  }
}

const SECRET = randomUUID();

/** A configuration file with one queue, as docs/buildkite.md describes it. */
function configOf(template: object): DispatchConfig {
  const file = { webhook: { secrets: [{ env: "SECRET" }] }, queues: [{ name: "kubernetes", default: true, template }] };
  const parsed = parseConfig(stringify(file), { env: { SECRET }, readFile: () => "" });
  if (parsed.kind === "invalid") throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}
