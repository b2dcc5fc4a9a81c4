/** A dispatcher in this process, with a small API server and a fake Buildkite. */
import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { expect, onTestFinished } from "vitest";
import type { DispatchConfig } from "../../../src/dispatch/config/dispatch-config.ts";
import { startDispatcher, type Dispatcher } from "../../../src/dispatch/dispatcher.ts";
import { createLogger } from "../../../src/process/log.ts";
import { SECRET } from "./config.ts";
import { startApiServer, type ApiServer } from "../../../sim/api-server/api-server.ts";
import { deliver, webhookPayload, type DeliveredJob, type Delivery } from "../../../sim/buildkite/webhook.ts";
import { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";

export { SECRET, testConfig } from "./config.ts";

export interface TestDispatcher extends Dispatcher {
  readonly url: string;
  readonly registry: Registry;
  /** Everything it logged. */
  readonly log: () => string;
  /** Sends a job's event, signed. */
  readonly send: (event: string, job: DeliveredJob) => Promise<Delivery>;
  /** A metric's value, summed over all series that have these labels. 0 if there are none. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>;
}

/** The answer to a webhook whose job has a Job now, from the webhook or from a reconcile pass. */
export const HAS_JOB = { status: 200, body: { outcome: expect.stringMatching(/^(created|duplicate)$/) as string } };

/** The configuration's `stacks`, set to reach the fake. */
export function stacksOf(fake: FakeBuildkite, intervalSeconds = 0.2): Record<string, unknown> {
  return { stacks: { agentToken: { env: "AGENT_TOKEN" }, endpoint: fake.endpoint, intervalSeconds } };
}

export async function testApiServer(): Promise<ApiServer> {
  const api = await startApiServer();
  onTestFinished(() => api.close());
  return api;
}

/**
 * @param rateLimitFactor what Buildkite's own rate limits are multiplied by. By default they're so
 * high that tests needn't wait for their turn.
 */
export async function testBuildkite(now = Date.now, rateLimitFactor = 100): Promise<FakeBuildkite> {
  const fake = await new FakeBuildkite({ now, rateLimitFactor }).listen();
  onTestFinished(() => fake.close());
  return fake;
}

export async function testDispatcher(
  api: Pick<ApiServer, "kubeconfig">,
  config: DispatchConfig,
  now = Date.now,
): Promise<TestDispatcher> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig);
  const registry = new Registry();
  const lines: string[] = [];
  const log = createLogger("dispatch", "debug", { write: (line) => void lines.push(line) });
  const dispatcher = await startDispatcher({
    config,
    kubeConfig,
    registry,
    log,
    host: "127.0.0.1",
    port: 0,
    gapMs: 20,
    now,
  });
  onTestFinished(() => {
    dispatcher.close();
  });
  const url = `http://127.0.0.1:${dispatcher.port}/webhooks/buildkite`;
  return {
    ...dispatcher,
    url,
    registry,
    log: () => lines.join(""),
    send: (event, job) => deliver(url, SECRET, webhookPayload(event, job)),
    async metric(name, labels = {}) {
      const metrics = await registry.getMetricsAsJSON();
      const values = metrics.flatMap(
        (metric) => metric.values as { metricName?: string; value: number; labels: Record<string, unknown> }[],
      );
      const ofName = values.filter((one, index) => (one.metricName ?? metricNames(metrics)[index]) === name);
      const matching = ofName.filter((one) =>
        Object.entries(labels).every(([key, value]) => one.labels[key] === value),
      );
      return matching.reduce((sum, one) => sum + one.value, 0);
    },
  };
}

function metricNames(metrics: readonly { name: string; values: readonly unknown[] }[]): string[] {
  return metrics.flatMap((metric) => metric.values.map(() => metric.name));
}
