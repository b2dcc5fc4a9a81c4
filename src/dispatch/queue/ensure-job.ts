/**
 * Ensures that there's a Job for a Buildkite job of one queue, both for webhooks and for the
 * reconcile loop.
 */
import { describeError, OutsideError } from "../../process/errors.ts";
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { TaggedTemplate } from "../config/dispatch-config.ts";
import type { JobCreator } from "../jobs/job-creator.ts";
import type { CreateOutcome } from "../jobs/job-outcomes.ts";
import { planAgentJob } from "../jobs/plan-agent-job.ts";
import type { EnsureOutcomeKind, Source } from "./metrics.ts";
import type { QueueContext, QueueState } from "./queue-state.ts";
import type { Reservations } from "./reservations.ts";

export interface WantedJob {
  readonly buildkiteJob: BuildkiteJob;
  readonly template: TaggedTemplate;
  /** 1, or more if earlier Jobs for the same Buildkite job ended before it ran. */
  readonly attempt: number;
}

/**
 * If the reconcile loop finds a job that has just begun to wait, that's normal. If the job has
 * waited longer than this, no webhook came for it.
 */
const MISSED_AFTER_SECONDS = 10;

export class JobEnsurer {
  readonly #context: QueueContext;
  readonly #state: Pick<QueueState, "whileInFlight" | "created">;
  readonly #creator: Pick<JobCreator, "create">;
  readonly #reservations: Pick<Reservations, "acquire" | "giveUp"> | undefined;

  /** @param reservations undefined without the Stacks API. */
  constructor(
    context: QueueContext,
    state: Pick<QueueState, "whileInFlight" | "created">,
    creator: Pick<JobCreator, "create">,
    reservations: Pick<Reservations, "acquire" | "giveUp"> | undefined,
  ) {
    this.#context = context;
    this.#state = state;
    this.#creator = creator;
    this.#reservations = reservations;
  }

  /**
   * Ensures one Job, retries included, within `budgetMs`. Every outcome is logged and counted here.
   * @throws only for a bug.
   */
  ensure(wanted: WantedJob, source: Source, budgetMs: number): Promise<EnsureOutcomeKind> {
    return this.#state.whileInFlight(async () => {
      const deadline = performance.now() + budgetMs;
      const reservation = await this.#reserve(wanted, budgetMs);
      if (reservation.kind !== "reserved") {
        this.#context.metrics.ensured(source, reservation.kind);
        return reservation.kind;
      }
      const { queue } = this.#context;
      const { token: acquisitionToken } = reservation;
      const job = planAgentJob({ ...wanted, queue, ...(acquisitionToken !== undefined && { acquisitionToken }) });
      const outcome = await this.#creator.create(job, deadline - performance.now(), this.#context.metrics.retried);
      await this.#report(wanted, job.metadata.name, source, outcome);
      return outcome.kind;
    });
  }

  /** In queue mode there's nothing to reserve: an agent takes whatever its queue has. */
  async #reserve(
    wanted: WantedJob,
    budgetMs: number,
  ): Promise<
    | { readonly kind: "reserved"; readonly token: string | undefined }
    | { readonly kind: "not-reserved" | "unavailable" }
  > {
    if (this.#context.queue.mode === "queue") return { kind: "reserved", token: undefined };
    if (this.#reservations === undefined) throw new Error("acquire mode without the Stacks API");
    try {
      const token = await this.#reservations.acquire(wanted.buildkiteJob, budgetMs);
      return token === undefined ? { kind: "not-reserved" } : { kind: "reserved", token };
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error;
      const message = "cannot reserve the job; the reconcile loop will try again";
      this.#context.log.warn({ ...aboutOf(wanted), ...describeError(error) }, message);
      return { kind: "unavailable" };
    }
  }

  /**
   * The only place that reports the outcome of a creation: in the log, in the metrics, and to
   * Buildkite.
   */
  async #report(wanted: WantedJob, jobName: string, source: Source, outcome: CreateOutcome): Promise<void> {
    const { metrics, log } = this.#context;
    const about = { ...aboutOf(wanted), job: jobName, source };
    const waitedSeconds = this.#waitedSeconds(wanted.buildkiteJob);
    metrics.ensured(source, outcome.kind, waitedSeconds);
    switch (outcome.kind) {
      case "created":
        this.#state.created(outcome.job);
        if (source === "reconcile" && wanted.attempt === 1 && (waitedSeconds ?? 0) > MISSED_AFTER_SECONDS)
          metrics.missed();
        log.info({ ...about, waitedSeconds }, "created the Job");
        return;
      case "exists":
        log.debug(about, "the Job already exists");
        return;
      case "unavailable":
        log.warn({ ...about, why: outcome.why, reason: outcome.message }, "cannot create the Job now");
        return;
      case "forbidden":
        log.error(
          { ...about, code: outcome.code, reason: outcome.message },
          "not allowed to create Jobs: check the dispatcher's Role, and that the queue's namespace exists",
        );
        return;
      case "refused": {
        const { code, message } = outcome;
        log.error({ ...about, code, reason: message }, "the Job was refused: check the queue's template");
        // Otherwise the Buildkite job would wait for an agent that never comes.
        await this.#reservations?.giveUp(
          wanted,
          `Curfew couldn't create a Job for this job. The Kubernetes API server refused it (${code}): ${message}`,
        );
      }
    }
  }

  #waitedSeconds({ waitingSince }: BuildkiteJob): number | undefined {
    return waitingSince === undefined ? undefined : (this.#context.now() - waitingSince) / 1000;
  }
}

function aboutOf({ buildkiteJob, attempt }: WantedJob): Record<string, unknown> {
  return { buildkiteJob: buildkiteJob.id, ...(attempt > 1 ? { attempt } : {}) };
}
