import type { KubeConfig } from "@kubernetes/client-node";
import { messageOf } from "../src/process/errors.ts";
import { serve, type Drain, type ServeContext } from "../src/process/serve.ts";
import { WakeUp } from "../src/process/wake-up.ts";
import type { Keys } from "./issue.ts";
import { KubernetesCluster } from "./kubernetes.ts";
import { createCertsMetrics, type CertsMetrics } from "./metrics.ts";
import { STEP_REASONS, WAIT_REASONS } from "./reasons.ts";
import { Reconciler, type Round } from "./reconcile.ts";
import type { CertsSettings } from "./settings.ts";
import { watchAll } from "./watch.ts";

/** How often everything is read, even if the watches report nothing. */
const POLL_MS = 30_000;
const RETRY_MS = 3_000;
/** How long after its last successful round the Pod stops being ready. */
const STALE_MS = 120_000;

/**
 * Keeps the certificates until SIGTERM or SIGINT, and resolves.
 * @throws if it can't listen.
 */
export async function runCerts(settings: CertsSettings, kubeConfig: KubeConfig): Promise<void> {
  await serve("certs", settings, (context) => Promise.resolve(startCerts(settings, kubeConfig, context)));
}

function startCerts(settings: CertsSettings, kubeConfig: KubeConfig, context: ServeContext): Drain {
  const stopping = new AbortController();
  const kept = keepCertificates({ ...context, settings, kubeConfig, signal: stopping.signal });
  kept.catch(context.fail);
  context.log.info({ opsPort: context.opsPort, namespace: settings.namespace }, "started");
  return async () => {
    stopping.abort();
    await kept;
  };
}

/** What {@link keepCertificates} needs. */
export interface KeepOptions extends Pick<ServeContext, "log" | "registry" | "setReadiness"> {
  readonly settings: CertsSettings;
  readonly kubeConfig: KubeConfig;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
  readonly retryMs?: number;
  /** Tests pass keys that are made already. */
  readonly keys?: () => Keys;
}

/**
 * Keeps the certificates until the signal, and resolves. A step that was begun is finished.
 * @throws at once if the kubeconfig names no cluster.
 */
export function keepCertificates(options: KeepOptions): Promise<void> {
  const metrics = createCertsMetrics(options.registry);
  return runRounds(options, createReconciler(options, metrics), metrics);
}

async function runRounds(options: KeepOptions, reconciler: Reconciler, metrics: CertsMetrics): Promise<void> {
  const { kubeConfig, settings, log, setReadiness, signal, pollMs = POLL_MS, retryMs = RETRY_MS } = options;
  let lastSuccess = -Infinity;
  let lastFailure = "no round has succeeded yet";
  setReadiness(() =>
    performance.now() - lastSuccess < STALE_MS ? { ready: true } : { ready: false, reason: lastFailure },
  );

  const wakeUp = new WakeUp();
  signal.addEventListener("abort", wakeUp.ring, { once: true });
  const watching = watchAll(kubeConfig, settings, {
    signal,
    onChange: wakeUp.ring,
    onTrouble: (path, error) => {
      log.warn({ path, err: error }, "cannot watch; reading regularly instead");
      wakeUp.ring();
    },
  });

  let reason: Round["plan"]["because"] | undefined;
  while (!signal.aborted) {
    wakeUp.reset();
    let waitMs = retryMs;
    try {
      const round = await reconciler.round();
      metrics.roundEnded(round);
      lastSuccess = performance.now();
      waitMs = Math.min(pollMs, round.plan.ms + 1);
      if (round.plan.because !== reason) log.info({ reason: round.plan.because }, WAIT_REASONS[round.plan.because]);
      reason = round.plan.because;
    } catch (error) {
      metrics.roundFailed();
      lastFailure = messageOf(error);
      reason = undefined;
      log.error({ reason: lastFailure }, "cannot bring the certificates into place; trying again");
    }
    await wakeUp.wait(waitMs);
  }
  await watching;
}

function createReconciler({ kubeConfig, settings, log, keys }: KeepOptions, metrics: CertsMetrics): Reconciler {
  const { publishDelay, rolloutDelay, authorityLifetime, certificateLifetime } = settings;
  return new Reconciler({
    cluster: new KubernetesCluster(kubeConfig, settings),
    delays: { publishMs: publishDelay * 1000, rolloutMs: rolloutDelay * 1000 },
    lifetimes: { authorityMs: authorityLifetime * 1000, certificateMs: certificateLifetime * 1000 },
    ...(keys && { keys }),
    onStep: (step, outcome) => {
      log.info({ step: step.kind, reason: step.because, outcome }, STEP_REASONS[step.because]);
      if (outcome === "written") metrics.stepTaken(step.kind, step.because);
    },
  });
}
