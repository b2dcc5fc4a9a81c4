/** The dispatcher's own metrics. Every label value is from a closed set or from the configuration, never from a payload. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export type Source = "webhook" | "reconcile";

/** How a delivery was answered. */
export type DeliveryOutcome =
  | "created"
  | "duplicate"
  | "ignored"
  | "deferred" // left to the reconcile loop: the queue is paused, or maxInFlight is reached
  | "refused"
  | "unavailable"
  | "rejected"; // not authentic, or not readable

export class DispatchMetrics {
  readonly #deliveries: Counter<"outcome" | "reason">;
  readonly #age: Histogram;
  readonly #jobs: Counter<"queue" | "source" | "outcome">;
  readonly #wait: Histogram<"queue" | "source">;
  readonly #missed: Counter<"queue">;
  readonly #deleted: Counter<"queue">;
  readonly #retries: Counter;
  readonly #passes: Counter<"queue" | "outcome">;
  readonly #lastPass = new Map<string, number>();

  /** `queues`: what alerts watch is there with 0 from the start; Prometheus sees no increase in a series that begins with 1. */
  constructor(registry: Registry, queues: readonly string[], now: () => number) {
    const registers = [registry];
    const seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
    this.#deliveries = new Counter({
      name: "curfew_dispatch_deliveries_total",
      help: "Webhook deliveries by how they were answered.",
      labelNames: ["outcome", "reason"],
      registers,
    });
    this.#age = new Histogram({
      name: "curfew_dispatch_delivery_age_seconds",
      help: "From a job's beginning to wait for an agent to the arrival of its webhook.",
      buckets: seconds,
      registers,
    });
    this.#jobs = new Counter({
      name: "curfew_dispatch_jobs_total",
      help: "Attempts to create a Job, by who asked and how it ended.",
      labelNames: ["queue", "source", "outcome"],
      registers,
    });
    this.#wait = new Histogram({
      name: "curfew_dispatch_scheduled_to_created_seconds",
      help: "From a job's beginning to wait for an agent to the creation of its Job.",
      labelNames: ["queue", "source"],
      buckets: seconds,
      registers,
    });
    this.#missed = new Counter({
      name: "curfew_dispatch_missed_webhooks_total",
      help: "Jobs that only the reconcile loop found, ten seconds or more after they began to wait.",
      labelNames: ["queue"],
      registers,
    });
    for (const queue of queues) {
      for (const source of ["webhook", "reconcile"]) this.#jobs.inc({ queue, source, outcome: "refused" }, 0);
      this.#missed.inc({ queue }, 0);
    }
    this.#deleted = new Counter({
      name: "curfew_dispatch_jobs_deleted_total",
      help: "Jobs deleted because their Buildkite job was over before an agent started (acquire mode).",
      labelNames: ["queue"],
      registers,
    });
    this.#retries = new Counter({
      name: "curfew_dispatch_create_retries_total",
      help: "Creations tried again.",
      registers,
    });
    this.#passes = new Counter({
      name: "curfew_dispatch_reconcile_passes_total",
      help: "Reconcile passes by outcome.",
      labelNames: ["queue", "outcome"],
      registers,
    });
    const lastPass = this.#lastPass;
    new Gauge({
      name: "curfew_dispatch_reconcile_lag_seconds",
      help: "Since the last reconcile pass that got through.",
      labelNames: ["queue"],
      registers,
      collect() {
        for (const [queue, at] of lastPass) this.set({ queue }, (now() - at) / 1000);
      },
    });
  }

  delivery(outcome: DeliveryOutcome, reason = ""): void {
    this.#deliveries.inc({ outcome, reason });
  }

  age(seconds: number): void {
    this.#age.observe(Math.max(0, seconds));
  }

  job(queue: string, source: Source, outcome: string): void {
    this.#jobs.inc({ queue, source, outcome });
  }

  created(queue: string, source: Source, waitedSeconds: number | undefined): void {
    if (waitedSeconds !== undefined) this.#wait.observe({ queue, source }, Math.max(0, waitedSeconds));
  }

  missed(queue: string): void {
    this.#missed.inc({ queue });
  }

  deleted(queue: string): void {
    this.#deleted.inc({ queue });
  }

  retried(): void {
    this.#retries.inc();
  }

  pass(queue: string, outcome: "done" | "failed", at: number): void {
    this.#passes.inc({ queue, outcome });
    if (outcome === "done" || !this.#lastPass.has(queue)) this.#lastPass.set(queue, at);
  }
}
