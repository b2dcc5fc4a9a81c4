import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { serve, type Drain, type ServeContext } from "../process/serve.ts";
import { startDispatcher } from "./dispatcher.ts";
import type { DispatchSettings } from "./settings.ts";

/**
 * Serves until SIGTERM or SIGINT, drains, and resolves.
 * @throws if it can't listen, or no cluster is configured.
 */
export async function runDispatch(settings: DispatchSettings): Promise<void> {
  await serve("dispatch", settings, (context) => startDispatch(settings, context));
}

/** How long the API server can take to show whether it lets the dispatcher see its namespaces. */
const FIRST_LOOK_MS = 5000;

/**
 * Ready even if Buildkite or the API server doesn't answer: without a ready replica, webhooks would
 * certainly be lost. But not if the API server refuses what the dispatcher needs.
 */
async function startDispatch(
  { config, host, port }: DispatchSettings,
  { log, registry, opsPort, setReadiness, onEnd }: ServeContext,
): Promise<Drain> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const dispatcher = await startDispatcher({ config, kubeConfig, registry, log, host, port });
  onEnd(dispatcher.close);
  await dispatcher.untilTried(FIRST_LOOK_MS);
  setReadiness(dispatcher.readiness);
  const queues = config.queues.map(({ name, mode }) => `${name} (${mode})`);
  const about = { port: dispatcher.port, opsPort, queues, reconcile: config.stacks !== undefined };
  const readiness = dispatcher.readiness();
  if (readiness.ready) log.info(about, "ready");
  else log.error({ ...about, reason: readiness.reason }, "not ready yet");
  return dispatcher.drain;
}
