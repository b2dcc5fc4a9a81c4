import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import type { ConfigOf } from "../process/settings.ts";
import { createLogger, type Logger } from "../process/log.ts";
import { createRegistry } from "../process/metrics.ts";
import { startOpsServer, type Readiness } from "../process/ops-server.ts";
import { untilTermination } from "../process/termination.ts";
import type { DispatchConfig } from "./config/parse-config.ts";
import { startDispatcher } from "./dispatcher.ts";
import type { DISPATCH_SETTINGS } from "./settings.ts";

/** How long the last deliveries may take once no more are accepted: longer than any may be worked on. */
const DRAIN_DEADLINE_MS = 15_000;

/**
 * Serves until SIGTERM or SIGINT, drains, and resolves; the process then ends by itself with 0. A second signal ends the drain.
 * @throws where it cannot listen, or no cluster is configured.
 */
export async function runDispatch(
  settings: ConfigOf<typeof DISPATCH_SETTINGS>,
  config: DispatchConfig,
  log: Logger = createLogger("dispatch", settings.logLevel),
): Promise<void> {
  const { host, port, opsPort, drainSeconds } = settings;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const registry = createRegistry();
  let readiness: Readiness = { ready: false, reason: "starting" };
  const termination = untilTermination();
  const closers = [termination.dispose];
  try {
    const ops = await startOpsServer({ host, port: opsPort, registry, readiness: () => readiness });
    closers.push(ops.close);
    const dispatcher = await startDispatcher({ config, kubeConfig, registry, log, host, port });
    closers.push(dispatcher.close);
    // Whether Buildkite or the API server answers is none of its business: without a ready replica webhooks would be lost for certain.
    readiness = { ready: true };
    const queues = config.queues.map(({ name, mode }) => `${name} (${mode})`);
    log.info({ port: dispatcher.port, opsPort: ops.port, queues, reconcile: config.stacks !== undefined }, "ready");

    const signal = await termination.first;
    log.info({ signal, drainSeconds }, "draining");
    readiness = { ready: false, reason: `draining after ${signal}` };
    await Promise.race([dispatcher.drain(drainSeconds * 1000, DRAIN_DEADLINE_MS), termination.second]);
    log.info("drained");
  } finally {
    for (const close of closers.reverse()) close();
  }
}
