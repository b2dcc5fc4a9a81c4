import type { KubeConfig } from "@kubernetes/client-node";
import { createLogger, type Logger } from "../src/log.ts";
import { createRegistry } from "../src/metrics.ts";
import { startOpsServer } from "../src/ops-server.ts";
import { untilTermination } from "../src/termination.ts";
import { KubernetesCluster } from "./kubernetes.ts";
import { createCertsMetrics } from "./metrics.ts";
import { STEP_REASONS, WAIT_REASONS } from "./reasons.ts";
import { Reconciler, type Round } from "./reconcile.ts";
import type { CertsConfig } from "./settings.ts";
import { watchBoth } from "./watch.ts";

/** However quiet the watches are, everything is read this often; it also measures what only time can settle. */
const POLL_MS = 30_000;
const PAUSE_AFTER_FAILURE_MS = 3_000;
/** Without a round that ended well for this long, the Pod says that it is not ready. */
const STALE_MS = 120_000;

/**
 * Keeps the certificates until SIGTERM or SIGINT, then resolves; a step that was begun is brought to its end.
 * @throws where it cannot listen.
 */
export async function runCerts(
  config: CertsConfig,
  kubeConfig: KubeConfig,
  log: Logger = createLogger("certs", config.logLevel),
): Promise<void> {
  const registry = createRegistry();
  const metrics = createCertsMetrics(registry);
  const reconciler = new Reconciler({
    cluster: new KubernetesCluster(kubeConfig, config),
    delays: { publishMs: config.publishDelay * 1000, rolloutMs: config.rolloutDelay * 1000 },
    lifetimes: { authorityMs: config.authorityLifetime * 1000, certificateMs: config.certificateLifetime * 1000 },
    onStep: (step, outcome) => {
      log.info({ step: step.kind, reason: step.because, outcome }, STEP_REASONS[step.because]);
      if (outcome === "written") metrics.stepTaken(step.kind, step.because);
    },
  });
  const stopping = new AbortController();
  let lastSuccess = -Infinity;
  let lastFailure = "no look at the cluster yet";
  const ops = await startOpsServer({
    host: config.host,
    port: config.opsPort,
    registry,
    readiness: () =>
      performance.now() - lastSuccess < STALE_MS ? { ready: true } : { ready: false, reason: lastFailure },
  });
  const wakeUp = new WakeUp();
  const watching = watchBoth(kubeConfig, config, {
    signal: stopping.signal,
    onChange: () => {
      wakeUp.ring();
    },
    onTrouble: (path, error) => {
      log.warn({ path, err: error }, "cannot watch; looking regularly instead");
      wakeUp.ring();
    },
  });
  const termination = untilTermination();
  void termination.first.then((signal) => {
    log.info({ signal }, "stopping");
    stopping.abort();
    wakeUp.ring();
  });
  log.info({ opsPort: ops.port, namespace: config.namespace }, "ready");

  let reason: Round["plan"]["because"] | undefined;
  while (!stopping.signal.aborted) {
    wakeUp.reset();
    let wait = PAUSE_AFTER_FAILURE_MS;
    try {
      const round = await reconciler.round();
      metrics.roundEnded(round);
      lastSuccess = performance.now();
      wait = Math.min(POLL_MS, round.plan.milliseconds + 1);
      if (round.plan.because !== reason) log.info({ reason: round.plan.because }, WAIT_REASONS[round.plan.because]);
      reason = round.plan.because;
    } catch (error) {
      metrics.roundFailed();
      lastFailure = error instanceof Error ? error.message : String(error);
      log.error({ err: error }, "cannot bring the certificates into place; trying again");
    }
    await wakeUp.within(wait);
  }
  await watching;
  termination.dispose();
  ops.close();
}

/** Ends a wait early; a ring while nobody waits ends the next wait at once. */
class WakeUp {
  #rung = Promise.withResolvers<undefined>();

  ring(): void {
    this.#rung.resolve(undefined);
  }

  reset(): void {
    this.#rung = Promise.withResolvers();
  }

  async within(milliseconds: number): Promise<void> {
    const timer = setTimeout(() => {
      this.ring();
    }, milliseconds);
    await this.#rung.promise;
    clearTimeout(timer);
  }
}
