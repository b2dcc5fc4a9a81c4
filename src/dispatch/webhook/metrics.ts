/** Metrics of deliveries. Every label value is from a closed set, never from a payload. */
import { Counter, Histogram, type Registry } from "prom-client";
import type { WebhookEvent } from "../buildkite/event.ts";
import type { RejectReason } from "../buildkite/signature.ts";
import { WAIT_BUCKETS_SECONDS } from "../queue/metrics.ts";
import type { Route } from "../queue/route.ts";

/** How a delivery was answered. */
export type DeliveryOutcome =
  | "created"
  | "duplicate"
  | "ignored"
  | "deferred" // left to the reconcile loop: the queue is paused, or maxInFlight is reached
  | "refused"
  | "unavailable"
  | "rejected"; // not authentic, or not readable

/** Why a delivery isn't read. */
export type UnreadReason =
  `signature-${RejectReason}` | "content-type-not-json" | "busy" | "too-large" | "aborted" | "not-json" | "error";

/** Why a delivery that was read led to no new Job. */
export type ReadReason =
  | Extract<WebhookEvent, { kind: "ignored" }>["reason"]
  | Extract<Route, { kind: "elsewhere" }>["reason"]
  | "ping"
  | "malformed"
  | "over"
  | "paused"
  | "at-capacity"
  | "not-reserved"
  | "refused"
  | "forbidden"
  | "name-taken";

export interface DeliveryMetrics {
  readonly answered: (outcome: DeliveryOutcome, reason?: UnreadReason | ReadReason) => void;
  /** How long its job had waited for an agent when a delivery came, in seconds. */
  readonly age: (seconds: number) => void;
}

/** Registers the metrics of deliveries. */
export function createDeliveryMetrics(registry: Registry): DeliveryMetrics {
  const registers = [registry];
  const deliveries = new Counter({
    name: "curfew_dispatch_deliveries_total",
    help: "Webhook deliveries, by how they were answered.",
    labelNames: ["outcome", "reason"] as const,
    registers,
  });
  const age = new Histogram({
    name: "curfew_dispatch_delivery_age_seconds",
    help: "From the moment a job starts to wait for an agent until its webhook arrives.",
    buckets: WAIT_BUCKETS_SECONDS,
    registers,
  });
  return {
    answered(outcome, reason) {
      deliveries.inc({ outcome, reason: reason ?? "" });
    },
    age(seconds) {
      age.observe(Math.max(0, seconds));
    },
  };
}
