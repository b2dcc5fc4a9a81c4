import type { KubeConfig } from "@kubernetes/client-node";
import { createLogger, type Logger } from "../src/process/log.ts";
import { createRegistry } from "../src/process/metrics.ts";
import { startOpsServer } from "../src/process/ops-server.ts";
import { untilTermination } from "../src/process/termination.ts";
import type { Keys } from "./issue.ts";
import { KubernetesCluster } from "./kubernetes.ts";
import { createCertsMetrics } from "./metrics.ts";
import { STEP_REASONS, WAIT_REASONS } from "./reasons.ts";
import { Reconciler, type Round } from "./reconcile.ts";
import type { CertsConfig } from "./settings.ts";
import { WakeUp } from "../src/process/wake-up.ts";
import { watchBoth } from "./watch.ts";
import { messageOf } from "../src/process/errors.ts";

/** However quiet the watches are, everything is read this often; it also measures what only time can settle. */
const POLL_MS = 30_000;
const RETRY_MS = 3_000;
/** Without a round that ended well for this long, the Pod says that it is not ready. */
const STALE_MS = 120_000;

/** @throws where it cannot listen. */
export async function runCerts(config: CertsConfig, kubeConfig: KubeConfig): Promise<void> {
  const termination = untilTermination();
  const stopping = new AbortController();
  const log = createLogger("certs", config.logLevel);
  void termination.first.then((signal) => {
    log.info({ signal }, "stopping");
    stopping.abort();
  });
  try {
    await keepCertificates({ config, kubeConfig, log, signal: stopping.signal });
  } finally {
    termination.dispose();
  }
}

export interface KeepOptions {
  readonly config: CertsConfig;
  readonly kubeConfig: KubeConfig;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
  readonly retryMs?: number;
  /** Tests pass keys that are made already. */
  readonly keys?: () => Keys;
  /** Called with the operations port, which 0 leaves to the kernel. */
  readonly onListening?: (opsPort: number) => void;
}

/**
 * Keeps the certificates until the signal; a step that was begun is brought to its end.
 * @throws where it cannot listen.
 */
export async function keepCertificates(options: KeepOptions): Promise<void> {
  const { config, kubeConfig, log, signal, pollMs = POLL_MS, retryMs = RETRY_MS, keys, onListening } = options;
  const registry = createRegistry();
  const metrics = createCertsMetrics(registry);
  const reconciler = new Reconciler({
    cluster: new KubernetesCluster(kubeConfig, config),
    delays: { publishMs: config.publishDelay * 1000, rolloutMs: config.rolloutDelay * 1000 },
    lifetimes: { authorityMs: config.authorityLifetime * 1000, certificateMs: config.certificateLifetime * 1000 },
    ...(keys && { keys }),
    onStep: (step, outcome) => {
      log.info({ step: step.kind, reason: step.because, outcome }, STEP_REASONS[step.because]);
      if (outcome === "written") metrics.stepTaken(step.kind, step.because);
    },
  });

  let lastSuccess = -Infinity;
  let lastFailure = "no look at the cluster yet";
  const isFresh = (): boolean => performance.now() - lastSuccess < STALE_MS;
  const ops = await startOpsServer({
    host: config.host,
    port: config.opsPort,
    registry,
    readiness: () => (isFresh() ? { ready: true } : { ready: false, reason: lastFailure }),
  });
  onListening?.(ops.port);
  log.info({ opsPort: ops.port, namespace: config.namespace }, "started");

  const wakeUp = new WakeUp();
  signal.addEventListener("abort", wakeUp.ring, { once: true });
  const watching = watchBoth(kubeConfig, config, {
    signal,
    onChange: wakeUp.ring,
    onTrouble: (path, error) => {
      log.warn({ path, err: error }, "cannot watch; looking regularly instead");
      wakeUp.ring();
    },
  });

  let reason: Round["plan"]["because"] | undefined;
  while (!signal.aborted) {
    wakeUp.reset();
    let wait = retryMs;
    try {
      const round = await reconciler.round();
      metrics.roundEnded(round);
      lastSuccess = performance.now();
      wait = Math.min(pollMs, round.plan.milliseconds + 1);
      if (round.plan.because !== reason) log.info({ reason: round.plan.because }, WAIT_REASONS[round.plan.because]);
      reason = round.plan.because;
    } catch (error) {
      metrics.roundFailed();
      lastFailure = messageOf(error);
      reason = undefined;
      log.error({ reason: lastFailure }, "cannot bring the certificates into place; trying again");
    }
    await wakeUp.wait(wait);
  }
  await watching;
  ops.close();
}
