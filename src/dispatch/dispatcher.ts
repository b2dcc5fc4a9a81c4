/** One dispatcher process put together: the public port, and for each queue its dispatcher, its view of the Jobs, its reconcile loop. */
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import type { Registry } from "prom-client";
import type { Logger } from "../process/log.ts";
import type { DispatchConfig, QueueConfig, StacksConfig } from "./config/dispatch-config.ts";
import { describeError } from "../process/errors.ts";
import { Deliveries, type ServedQueue } from "./webhook/deliveries.ts";
import { DispatchMetrics } from "./dispatch-metrics.ts";
import { JobCreator } from "./jobs/job-creator.ts";
import { JobMirror } from "./jobs/job-mirror.ts";
import { JobsApi } from "./jobs/jobs-api.ts";
import { KubeClient } from "../kubernetes/client.ts";
import { toLabelValue } from "./jobs/label-value.ts";
import { QueueDispatcher } from "./queue/queue-dispatcher.ts";
import { Reconciler } from "./queue/reconciler.ts";
import { StacksApi } from "./buildkite/stacks-api.ts";
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
  /** Lets what was begun come to its end; nobody deregisters, since other replicas use the same stack key. */
  readonly drain: (windowMs: number, deadlineMs: number) => Promise<void>;
  /** Ends at once, as a crash would. */
  readonly close: () => void;
}

/** @throws where it cannot listen, or the kubeconfig names no cluster. */
export async function startDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const { config, registry, log, now = Date.now, gapMs } = options;
  const metrics = new DispatchMetrics(
    registry,
    config.queues.map(({ name }) => name),
    now,
  );
  const jobs = new JobsApi(new KubeClient(options.kubeConfig));
  const creator = new JobCreator(jobs, {
    onRetry: () => {
      metrics.retried();
    },
  });
  const reconcilers = new Map<string, Reconciler>();
  const mirrors = new Map<string, JobMirror>();
  const queues = new Map<string, ServedQueue>();
  for (const queue of config.queues) {
    const mirror = mirrors.get(queue.namespace) ?? createMirror(queue.namespace);
    mirrors.set(queue.namespace, mirror);
    const stacks = config.stacks && createStacksApi(config, config.stacks, queue);
    const gaps = gapMs === undefined ? {} : { gapMs, batchGapMs: gapMs };
    const shared = { mirror, metrics, log, now, ...gaps };
    const dispatcher = new QueueDispatcher({ ...shared, queue, creator, stacks });
    const intervalMs = (config.stacks?.intervalSeconds ?? 0) * 1000;
    const reconciler = stacks && new Reconciler({ ...shared, dispatcher, stacks, jobs, intervalMs });
    if (reconciler) reconcilers.set(toLabelValue(queue.name) ?? "", reconciler);
    queues.set(queue.name, { dispatcher, wake: () => reconciler?.wake() });
  }

  const deliveries = new Deliveries({ config, queues, metrics, now });
  const { host, port } = options;
  const server = await startWebhookServer({ host, port, secrets: config.webhook, deliveries, metrics, log, now });
  // Without the Stacks API nobody reads the mirror; then the Role may do without list and watch.
  const loops = config.stacks ? [...mirrors.values(), ...reconcilers.values()] : [];
  const running = Promise.all(loops.map((loop) => loop.run()));
  const stop = (): void => {
    for (const loop of loops) loop.stop();
  };
  return {
    port: server.port,
    async drain(windowMs, deadlineMs) {
      await server.drain(windowMs, deadlineMs);
      stop();
      await running;
    },
    close() {
      server.close();
      stop();
    },
  };

  function createMirror(namespace: string): JobMirror {
    return new JobMirror(jobs, {
      namespace,
      onFinished: (view) => reconcilers.get(view.queue)?.onJobFinished(view),
      onError: (error) => {
        log.warn({ namespace, ...describeError(error) }, "cannot list or watch Jobs");
      },
    });
  }
}

/** One stack for each queue: Buildkite's rate limits are a stack's, and its page shows for each queue whether it is served. */
function createStacksApi(config: DispatchConfig, stacks: StacksConfig, queue: QueueConfig): StacksApi {
  const stackKey = `${stacks.stackKey}-${queue.name}`;
  return new StacksApi({ ...stacks, stackKey, queueKey: queue.name, organization: config.organization });
}
