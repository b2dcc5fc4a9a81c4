/** The admission server's metrics. docs/metrics.md lists them. */
import { Counter, Gauge, Histogram, type Registry } from "../process/prometheus.ts";
import { LATENCY_BUCKETS_SECONDS } from "../process/metrics.ts";
import type { InvalidReview, Operation } from "./admission-review.ts";
import type { Decision } from "./review.ts";

/** Why a request ended without an answer to a review. */
export type FailureReason =
  InvalidReview["reason"] | "not-json" | "too-large" | "busy" | "content-type" | "path" | "method" | "aborted" | "bug";

export interface AdmissionMetrics {
  readonly registry: Registry;
  readonly started: () => void;
  readonly decided: (operation: Operation, kind: string, decision: Decision, seconds: number) => void;
  readonly failed: (reason: FailureReason) => void;
  readonly certificateLoaded: (notAfter: Date) => void;
  readonly certificateRejected: () => void;
}

/**
 * Registers the admission server's metrics, and returns the functions that count. Times are in
 * seconds.
 */
export function createAdmissionMetrics(registry: Registry): AdmissionMetrics {
  const registers = [registry];
  const reviews = new Counter({
    name: "curfew_admission_requests_total",
    help: "Requests by outcome. Outcome failed: the review got no answer, so the webhook's failurePolicy decided.",
    labelNames: ["kind", "operation", "outcome", "reason"] as const,
    registers,
  });
  const failed = (reason: FailureReason, count?: number): void => {
    reviews.inc({ kind: "unknown", operation: "unknown", outcome: "failed", reason }, count);
  };
  // Series that alerts watch start with 0: Prometheus sees no increase in a series that starts with
  // 1.
  failed("bug", 0);
  failed("busy", 0);
  const limits = new Counter({
    name: "curfew_admission_limits_total",
    help: "Limits of a strategy that decided what happened to a Job or CronJob.",
    labelNames: ["limit", "outcome"] as const,
    registers,
  });
  const sidecars = new Counter({
    name: "curfew_admission_sidecars_total",
    help: "Containers found to be sidecars, by what showed it.",
    labelNames: ["source", "outcome"] as const,
    registers,
  });
  const duration = new Histogram({
    name: "curfew_admission_duration_seconds",
    help: "From a review's last byte to its answer, by operation.",
    labelNames: ["operation"] as const,
    buckets: LATENCY_BUCKETS_SECONDS,
    registers,
  });
  let inFlight = 0;
  new Gauge({
    name: "curfew_admission_in_flight",
    help: "Requests that wait for their body or their answer.",
    registers,
    collect() {
      this.set(inFlight);
    },
  });
  const expiry = new Gauge({
    name: "curfew_certificate_expiry_timestamp_seconds",
    help: "When the serving certificate in use expires, in seconds since 1970.",
    registers,
  });
  const rejected = new Counter({
    name: "curfew_certificate_rejected_total",
    help: "How often the certificate files changed to something unusable. The certificate from before stayed in use.",
    registers,
  });
  return {
    registry,
    started() {
      inFlight += 1;
    },
    decided(operation, kind, { outcome, reason, limits: met, sidecars: sources }, seconds) {
      inFlight -= 1;
      reviews.inc({ kind, operation, outcome, reason });
      for (const limit of met) limits.inc({ limit, outcome });
      for (const source of sources) sidecars.inc({ source, outcome });
      duration.observe({ operation }, seconds);
    },
    failed(reason) {
      inFlight -= 1;
      failed(reason);
    },
    certificateLoaded(notAfter) {
      expiry.set(notAfter.getTime() / 1000);
    },
    certificateRejected() {
      rejected.inc();
    },
  };
}
