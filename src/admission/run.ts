import { createPlanner } from "../planner/planner.ts";
import { serve, type Drain, type ServeContext } from "../process/serve.ts";
import { createAdmissionMetrics } from "./metrics.ts";
import { startAdmissionServer } from "./server.ts";
import { watchServingCertificate } from "./serving-certificate.ts";
import type { AdmissionSettings } from "./settings.ts";

/**
 * Serves until SIGTERM or SIGINT, drains, and resolves.
 * @throws if it can't listen.
 */
export async function runAdmission(settings: AdmissionSettings): Promise<void> {
  await serve("admission", settings, (context) => startAdmission(settings, context));
}

/** Ready once there's a serving certificate. */
async function startAdmission(
  settings: AdmissionSettings,
  { log, registry, opsPort, setReadiness, onEnd }: ServeContext,
): Promise<Drain> {
  const { host, port, strategy, knownImages = [] } = settings;
  const planner = createPlanner(settings);
  const metrics = createAdmissionMetrics(registry);
  const server = await startAdmissionServer({ host, port, planner, metrics, log });
  onEnd(server.close);
  let isReady = false;
  const watch = await watchServingCertificate({
    certPath: settings.tlsCert,
    keyPath: settings.tlsKey,
    onCertificate: ({ cert, key, notAfter, fingerprint }) => {
      server.setCertificate({ cert, key });
      metrics.certificateLoaded(notAfter);
      log.info({ notAfter, fingerprint }, "serving certificate loaded");
      if (isReady) return;
      isReady = true;
      setReadiness(() => ({ ready: true }));
      log.info({ port: server.port, opsPort, strategy, knownImages: knownImages.length }, "ready");
    },
    onProblem: (problem) => {
      metrics.certificateRejected();
      if (isReady) {
        log.error({ problem }, "new serving certificate rejected; the current one stays in use");
        return;
      }
      setReadiness(() => ({ ready: false, reason: `waiting for a serving certificate: ${problem}` }));
      log.warn({ problem }, "waiting for a serving certificate");
    },
  });
  onEnd(watch.close);
  return (windowMs, deadlineMs) => {
    // A certificate that comes now changes nothing any more.
    watch.close();
    return server.drain(windowMs, deadlineMs);
  };
}
