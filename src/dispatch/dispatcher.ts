/**
 * Puts the dispatcher together: the public port, the queues, and a mirror of each namespace's Jobs.
 */
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import type { Registry } from "prom-client";
import { KubeClient } from "../kubernetes/client.ts";
import { limitLog } from "../process/log-limiter.ts";
import type { Logger } from "../process/log.ts";
import type { Readiness } from "../process/ops-server.ts";
import { watchClock } from "./buildkite/clock-skew.ts";
import type { DispatchConfig } from "./config/dispatch-config.ts";
import { JobCreator } from "./jobs/job-creator.ts";
import { JobsApi } from "./jobs/jobs-api.ts";
import { SecretsApi } from "./jobs/secrets-api.ts";
import { NamespaceMirrors } from "./jobs/namespace-mirrors.ts";
import { toLabelValue } from "./jobs/label-value.ts";
import { createViewMetrics, logViewError, readinessOf, type View } from "./jobs/views.ts";
import { createQueueMetrics } from "./queue/metrics.ts";
import { createServedQueue, type ServedQueue } from "./queue/served-queue.ts";
import { Deliveries } from "./webhook/deliveries.ts";
import { createDeliveryMetrics } from "./webhook/metrics.ts";
import { startWebhookServer } from "./webhook/server.ts";

export interface DispatcherOptions {
  readonly config: DispatchConfig;
  readonly kubeConfig: KubeConfig;
  readonly registry: Registry;
  readonly log: Logger;
  readonly host: string | undefined;
  readonly port: number;
  readonly now?: () => number;
  /** Shorter in tests: the least time between reconcile passes, and between batched calls. */
  readonly gapMs?: number;
}

export interface Dispatcher {
  readonly port: number;
  /** Whether it wants traffic. */
  readonly readiness: () => Readiness;
  /** Resolves once each view has been tried for a first time, but after `timeoutMs` at the latest. */
  readonly untilTried: (timeoutMs: number) => Promise<void>;
  /**
   * Finishes what was started. Deregisters nothing at Buildkite, as other replicas use the same
   * stack key.
   */
  readonly drain: (windowMs: number, deadlineMs: number) => Promise<void>;
  /** Ends at once, as a crash would. */
  readonly close: () => void;
}

const GAP_MS = 1000;
const BATCH_GAP_MS = 250;
/** How long to wait for agents' tokens at the end. Another replica gives what's missing then. */
const SETTLE_MS = 5000;

/**
 * Starts a dispatcher, and resolves once it listens.
 * @throws if it can't listen, or the kubeconfig names no cluster.
 */
export async function startDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const { config, registry, log, now = Date.now, gapMs = GAP_MS } = options;
  const limited = limitLog(log);
  const client = new KubeClient(options.kubeConfig);
  const jobs = new JobsApi(client);
  const secrets = new SecretsApi(client);
  const creator = new JobCreator(jobs);
  const metricsOf = createQueueMetrics(
    registry,
    config.queues.map(({ name }) => name),
    now,
  );
  const times = {
    intervalMs: (config.stacks?.intervalSeconds ?? 0) * 1000,
    gapMs,
    batchGapMs: options.gapMs ?? BATCH_GAP_MS,
  };
  const onClock = watchClock(registry, limited);
  const queues = new Map<string, ServedQueue>();
  const byLabel = new Map<string, ServedQueue>();
  const namespaces = new Map<string, NamespaceMirrors>();
  for (const queue of config.queues) {
    const mirrors = namespaces.get(queue.namespace) ?? createMirrors(queue.namespace);
    namespaces.set(queue.namespace, mirrors);
    const queueLog = log.child({ queue: queue.name });
    const context = { queue, log: queueLog, limited: limitLog(queueLog), metrics: metricsOf(queue.name), now };
    const served = createServedQueue(context, { ...config, onClock }, { jobs, secrets, creator, mirrors }, times);
    queues.set(queue.name, served);
    byLabel.set(toLabelValue(queue.name) ?? "", served);
  }

  const metrics = createDeliveryMetrics(registry);
  const deliveries = new Deliveries({ config, queues, metrics, limited, now });
  const { host, port } = options;
  const server = await startWebhookServer({
    host,
    port,
    secrets: config.webhook,
    deliveries,
    metrics,
    limited,
    now,
    onClock,
  });
  // Without the Stacks API nothing reads the mirrors, and the Role needs neither list nor watch.
  const views: readonly View[] = config.stacks ? [...namespaces.values()].flatMap((one) => one.views()) : [];
  createViewMetrics(registry, views);
  const queueLoops = config.stacks ? [...queues.values()].flatMap(({ loop }) => loop ?? []) : [];
  const loops = [...views.map(({ follower }) => follower), ...queueLoops];
  const running = Promise.all(loops.map((loop) => loop.run()));
  const stop = (): void => {
    for (const { follower } of views) follower.stop();
    for (const queue of queues.values()) queue.stop();
  };
  return {
    port: server.port,
    readiness: () => readinessOf(views),
    async untilTried(timeoutMs) {
      await Promise.all(views.map(({ follower }) => follower.untilTried(timeoutMs)));
    },
    async drain(windowMs, deadlineMs) {
      await server.drain(windowMs, deadlineMs);
      stop();
      await running;
      await Promise.all([...queues.values()].flatMap(({ tokens }) => tokens?.settle(SETTLE_MS) ?? []));
    },
    close() {
      server.close();
      stop();
      for (const { tokens } of queues.values()) tokens?.close();
    },
  };

  function createMirrors(namespace: string): NamespaceMirrors {
    const mirrors: NamespaceMirrors = new NamespaceMirrors(client, jobs, {
      namespace,
      onFinished: (view) => byLabel.get(view.queue)?.loop?.onJobFinished(view),
      onResumed: (view) => byLabel.get(view.queue)?.tokens?.resumed(view),
      onTrouble: (jobName) => byLabel.get(mirrors.jobs.view(jobName)?.queue ?? "")?.wake(),
      onError: (kind, error) => {
        logViewError(limited, { namespace, kind }, error);
      },
      onRecovered: (kind) => {
        log.info({ namespace }, `sees ${kind} again`);
      },
    });
    return mirrors;
  }
}
