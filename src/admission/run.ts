import { createLogger, type Logger } from "../process/log.ts";
import { createRegistry } from "../process/metrics.ts";
import { startOpsServer, type Readiness } from "../process/ops-server.ts";
import { untilTermination } from "../process/termination.ts";
import { createAdmissionMetrics } from "./metrics.ts";
import { createPlanner } from "../planner/planner.ts";
import { startAdmissionServer } from "./server.ts";
import { watchServingCertificate } from "./serving-certificate.ts";
import type { AdmissionConfig } from "./settings.ts";

/** How long the last answers may take once no more requests are accepted: the API server waits less. */
const DRAIN_DEADLINE_MS = 15_000;

/**
 * Serves until SIGTERM or SIGINT, drains, and resolves; the process then ends by itself with 0. A second signal ends the drain.
 * @throws where it cannot listen.
 */
export async function runAdmission(
  config: AdmissionConfig,
  log: Logger = createLogger("admission", config.logLevel),
): Promise<void> {
  const { host, strategy, nativeSidecars, volumeMedium, knownImages } = config;
  const planner = createPlanner({ strategy, nativeSidecars, volumeMedium, knownImages });
  const registry = createRegistry();
  const metrics = createAdmissionMetrics(registry);
  let readiness: Readiness = { ready: false, reason: "starting" };

  const termination = untilTermination();
  const closers = [termination.dispose];
  try {
    const ops = await startOpsServer({ host, port: config.opsPort, registry, readiness: () => readiness });
    closers.push(ops.close);
    const server = await startAdmissionServer({ host, port: config.port, planner, metrics, log });
    closers.push(server.close);
    const certificate = await watchServingCertificate({
      certPath: config.tlsCert,
      keyPath: config.tlsKey,
      onCertificate: ({ cert, key, notAfter, fingerprint }) => {
        server.setCertificate({ cert, key });
        metrics.certificateLoaded(notAfter);
        log.info({ notAfter, fingerprint }, "serving certificate loaded");
        if (readiness.ready) return;
        readiness = { ready: true };
        log.info({ port: server.port, opsPort: ops.port, strategy, knownImages: knownImages.length }, "ready");
      },
      onProblem: (problem) => {
        metrics.certificateRejected();
        if (readiness.ready) {
          log.error({ problem }, "new serving certificate rejected; the one before stays in use");
          return;
        }
        readiness = { ready: false, reason: `waiting for a serving certificate: ${problem}` };
        log.warn({ problem }, "waiting for a serving certificate");
      },
    });
    closers.push(certificate.close);

    const signal = await termination.first;
    log.info({ signal, drainSeconds: config.drainSeconds }, "draining");
    // A new certificate must not make it ready again.
    certificate.close();
    readiness = { ready: false, reason: `draining after ${signal}` };
    await Promise.race([server.drain(config.drainSeconds * 1000, DRAIN_DEADLINE_MS), termination.second]);
    log.info("drained");
  } finally {
    for (const close of closers.reverse()) close();
  }
}
