/**
 * Metrics of the queues. Every label value is from a closed set or from the configuration, never
 * from a payload.
 */
import { START_FAILURES, type CauseId } from "../jobs/start-failures.ts";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Who asked for a Job. */
export const SOURCES = ["webhook", "reconcile"] as const;
export type Source = (typeof SOURCES)[number];

/** How an attempt to get a Job for a Buildkite job ended. */
export type EnsureOutcomeKind =
  | "created"
  | "exists"
  | "name-taken" // by a Job that isn't ours
  | "forbidden"
  | "refused"
  | "unavailable"
  | "not-reserved";

/** The outcomes that alerts watch. */
const ALERTED = ["refused", "forbidden", "name-taken"] as const satisfies readonly EnsureOutcomeKind[];

/** `renewed`: in a Secret that was there already. */
export type TokenOutcomeKind = "created" | "renewed" | "failed" | "forbidden";
/** What a Buildkite job without a Job waits for. */
export const WAITING_FOR = ["paused", "at-capacity", "retry", "next-pass", "unserved-tags"] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];
const CAUSES = Object.keys(START_FAILURES) as CauseId[];

/** The metrics of one queue. All times are in seconds. */
export interface QueueMetrics {
  /**
   * An attempt to get a Job ended. `waited`: since the Buildkite job began to wait for an agent, if
   * that's known.
   */
  readonly ensured: (source: Source, outcome: EnsureOutcomeKind, waited?: number) => void;
  /** A job has waited for long, and no webhook came for it. */
  readonly missed: () => void;
  readonly deleted: () => void;
  readonly retried: () => void;
  /** A token for an agent was put into its Secret, or couldn't be. */
  readonly token: (outcome: TokenOutcomeKind) => void;
  readonly passed: (outcome: "done" | "failed") => void;
  /** How many Buildkite jobs have neither a Job nor an agent, by what they wait for. */
  readonly waiting: (counts: Readonly<Record<WaitingFor, number>>) => void;
  /** How many Jobs have no agent, by what keeps it from starting. */
  readonly stuck: (counts: ReadonlyMap<CauseId, number>) => void;
  /** A Buildkite job was given up because of its Jobs. */
  readonly gaveUp: (cause: CauseId | "attempts") => void;
}

/** From a job's beginning to wait for an agent, up to half an hour. */
export const WAIT_BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/**
 * Registers the metrics of the queues.
 * @param queues their names. Series that alerts watch start with 0: Prometheus sees no increase in
 * a series that starts with 1.
 * @param now milliseconds since 1970.
 */
export function createQueueMetrics(
  registry: Registry,
  queues: readonly string[],
  now: () => number,
): (queue: string) => QueueMetrics {
  const registers = [registry];
  const jobs = new Counter({
    name: "curfew_dispatch_jobs_total",
    help: "Attempts to create a Job, by who asked and how it ended.",
    labelNames: ["queue", "source", "outcome"] as const,
    registers,
  });
  const wait = new Histogram({
    name: "curfew_dispatch_scheduled_to_created_seconds",
    help: "From the moment a job starts to wait for an agent until its Job is created.",
    labelNames: ["queue", "source"] as const,
    buckets: WAIT_BUCKETS_SECONDS,
    registers,
  });
  const missed = new Counter({
    name: "curfew_dispatch_missed_webhooks_total",
    help: "Jobs that only the reconcile loop found, ten seconds or more after they began to wait.",
    labelNames: ["queue"] as const,
    registers,
  });
  const deleted = new Counter({
    name: "curfew_dispatch_jobs_deleted_total",
    help: "Jobs deleted because their Buildkite job was over before an agent started (acquire mode).",
    labelNames: ["queue"] as const,
    registers,
  });
  const retries = new Counter({
    name: "curfew_dispatch_create_retries_total",
    help: "Calls to the API server or to Buildkite that were tried again to create a Job.",
    registers,
  });
  const tokens = new Counter({
    name: "curfew_dispatch_agent_tokens_total",
    help: "Attempts to put an agent's token into its Secret, by how they ended (acquire mode).",
    labelNames: ["queue", "outcome"] as const,
    registers,
  });
  const passes = new Counter({
    name: "curfew_dispatch_reconcile_passes_total",
    help: "Reconcile passes, by outcome.",
    labelNames: ["queue", "outcome"] as const,
    registers,
  });
  const waiting = new Gauge({
    name: "curfew_dispatch_waiting_jobs",
    help: "Buildkite jobs that have neither a Job nor an agent, by what they wait for.",
    labelNames: ["queue", "reason"] as const,
    registers,
  });
  const stuck = new Gauge({
    name: "curfew_dispatch_stuck_jobs",
    help: "Jobs whose agent doesn't start, by cause.",
    labelNames: ["queue", "cause"] as const,
    registers,
  });
  const givenUp = new Counter({
    name: "curfew_dispatch_given_up_total",
    help: "Buildkite jobs that were finished with a reason because their agents didn't start, by cause.",
    labelNames: ["queue", "cause"] as const,
    registers,
  });
  const lastPass = new Map<string, number>();
  new Gauge({
    name: "curfew_dispatch_reconcile_lag_seconds",
    help: "Time since the last reconcile pass that succeeded.",
    labelNames: ["queue"] as const,
    registers,
    collect() {
      for (const [queue, at] of lastPass) this.set({ queue }, (now() - at) / 1000);
    },
  });
  for (const queue of queues) {
    for (const source of SOURCES) for (const outcome of ALERTED) jobs.inc({ queue, source, outcome }, 0);
    missed.inc({ queue }, 0);
    for (const outcome of ["failed", "forbidden"] satisfies TokenOutcomeKind[]) tokens.inc({ queue, outcome }, 0);
    for (const cause of [...CAUSES, "attempts"]) givenUp.inc({ queue, cause }, 0);
  }
  return (queue) => ({
    ensured(source, outcome, waited) {
      jobs.inc({ queue, source, outcome });
      if (outcome === "created" && waited !== undefined) wait.observe({ queue, source }, Math.max(0, waited));
    },
    missed() {
      missed.inc({ queue });
    },
    deleted() {
      deleted.inc({ queue });
    },
    retried() {
      retries.inc();
    },
    token(outcome) {
      tokens.inc({ queue, outcome });
    },
    waiting(counts) {
      for (const what of WAITING_FOR) waiting.set({ queue, reason: what }, counts[what]);
    },
    stuck(counts) {
      for (const cause of CAUSES) stuck.set({ queue, cause }, counts.get(cause) ?? 0);
    },
    gaveUp(cause) {
      givenUp.inc({ queue, cause });
    },
    passed(outcome) {
      passes.inc({ queue, outcome });
      if (outcome === "done" || !lastPass.has(queue)) lastPass.set(queue, now());
    },
  });
}
