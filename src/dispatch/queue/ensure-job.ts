/**
 * Ensures that there's a Job for a Buildkite job of one queue, both for webhooks and for the
 * reconcile loop.
 */
import { rejectAfter } from "../../process/deadline.ts";
import { OutsideError } from "../../process/errors.ts";
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { TaggedTemplate } from "../config/dispatch-config.ts";
import type { JobCreator } from "../jobs/job-creator.ts";
import type { CreateOutcome } from "../jobs/job-outcomes.ts";
import { agentJobName, JOB_LABEL, planAgentJob, type AgentJob } from "../jobs/plan-agent-job.ts";
import type { AgentTokens } from "./agent-tokens.ts";
import type { EnsureOutcomeKind, Source } from "./metrics.ts";
import type { QueueContext, QueueState } from "./queue-state.ts";
import type { Reservations } from "./reservations.ts";

export interface WantedJob {
  readonly buildkiteJob: BuildkiteJob;
  readonly template: TaggedTemplate;
  /** 1, or more if earlier Jobs for the same Buildkite job ended before it ran. */
  readonly attempt: number;
}

/** `at-capacity`: there's no room for this Job. Nothing was tried, so nothing is counted. */
export type EnsureResult = EnsureOutcomeKind | "at-capacity";

type Outcome = CreateOutcome | { readonly kind: "name-taken" };

/**
 * If the reconcile loop finds a job that has just begun to wait, that's normal. If the job has
 * waited longer than this, no webhook came for it.
 */
const MISSED_AFTER_SECONDS = 10;
/** The least time for a look at who owns an existing Job. */
const LOOK_MS = 500;

export class JobEnsurer {
  readonly #context: QueueContext;
  readonly #state: Pick<QueueState, "claim" | "created" | "knows">;
  readonly #creator: Pick<JobCreator, "create" | "get">;
  readonly #reservations: Pick<Reservations, "reserve" | "giveUp"> | undefined;
  readonly #tokens: Pick<AgentTokens, "created"> | undefined;

  /**
   * @param reservations undefined without the Stacks API.
   * @param tokens undefined in queue mode.
   */
  constructor(
    context: QueueContext,
    state: Pick<QueueState, "claim" | "created" | "knows">,
    creator: Pick<JobCreator, "create" | "get">,
    reservations: Pick<Reservations, "reserve" | "giveUp"> | undefined,
    tokens?: Pick<AgentTokens, "created">,
  ) {
    this.#context = context;
    this.#state = state;
    this.#creator = creator;
    this.#reservations = reservations;
    this.#tokens = tokens;
  }

  /**
   * Ensures one Job, retries included, within `budgetMs`. Takes a place for it before anything is
   * awaited. Every outcome is logged and counted here.
   * @throws only for a bug.
   */
  async ensure(wanted: WantedJob, source: Source, budgetMs: number): Promise<EnsureResult> {
    const deadline = performance.now() + budgetMs;
    const name = agentJobName(wanted.buildkiteJob.id, wanted.attempt);
    const place = this.#state.claim(name);
    if (!place) return "at-capacity";
    try {
      const reservation = await this.#reserve(wanted, budgetMs);
      if (reservation.kind !== "reserved") {
        this.#context.metrics.ensured(source, reservation.kind);
        return reservation.kind;
      }
      const { queue } = this.#context;
      const job = planAgentJob({ ...wanted, queue });
      const outcome = await place.fill(deadline, () => this.#create(job, wanted.buildkiteJob.id, deadline));
      if (outcome === "at-capacity") return outcome;
      const reported = this.#report(wanted, name, source, outcome);
      // A delivery is answered in time, even if Buildkite isn't told by then.
      if (source === "webhook") await settledWithin(deadline - performance.now(), reported);
      else await reported;
      return outcome.kind;
    } finally {
      place.release();
    }
  }

  /** Creates the Job, or finds out whose it is that has its name. */
  async #create(job: AgentJob, buildkiteJobId: string, deadline: number): Promise<Outcome> {
    const { name, namespace } = job.metadata;
    const left = (): number => deadline - performance.now();
    const { queue, metrics } = this.#context;
    // An admission webhook, such as Kueue's, may have suspended it.
    const answer = queue.mode === "acquire" ? "everything" : "metadata";
    const outcome = await this.#creator.create(job, left(), metrics.retried, answer);
    if (outcome.kind === "created") {
      this.#state.created(outcome.job);
      this.#tokens?.created(outcome.job, buildkiteJobId);
    }
    if (outcome.kind !== "exists" || this.#state.knows(name, buildkiteJobId)) return outcome;
    try {
      const found = await this.#creator.get(namespace, name, Math.max(left(), LOOK_MS));
      if (found && found.metadata.labels?.[JOB_LABEL] !== buildkiteJobId) return { kind: "name-taken" };
      if (found) this.#state.created(found);
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error;
      const fields = { job: name, reason: error.message };
      this.#context.limited.warn(`whose:${error.message}`, fields, "cannot find out whether an existing Job is ours");
    }
    return outcome;
  }

  /** In queue mode there's nothing to reserve: an agent takes whatever its queue has. */
  async #reserve(
    wanted: WantedJob,
    budgetMs: number,
  ): Promise<{ readonly kind: "reserved" | "not-reserved" | "unavailable" }> {
    if (this.#context.queue.mode === "queue") return { kind: "reserved" };
    if (this.#reservations === undefined) throw new Error("acquire mode without the Stacks API");
    try {
      const ours = await this.#reservations.reserve(wanted.buildkiteJob, budgetMs);
      return { kind: ours ? "reserved" : "not-reserved" };
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error;
      const { message: reason } = error;
      const message = "cannot reserve the job; the reconcile loop will try again";
      this.#context.limited.warn(`cannot reserve:${reason}`, { ...aboutOf(wanted), reason }, message);
      return { kind: "unavailable" };
    }
  }

  /**
   * The only place that reports the outcome of a creation: in the log, in the metrics, and to
   * Buildkite.
   */
  async #report(wanted: WantedJob, jobName: string, source: Source, outcome: Outcome): Promise<void> {
    const { queue, metrics, log, limited } = this.#context;
    const about = { ...aboutOf(wanted), job: jobName, source };
    const waitedSeconds = this.#waitedSeconds(wanted.buildkiteJob);
    metrics.ensured(source, outcome.kind, waitedSeconds);
    switch (outcome.kind) {
      case "created":
        if (source === "reconcile" && wanted.attempt === 1 && (waitedSeconds ?? 0) > MISSED_AFTER_SECONDS)
          metrics.missed();
        log.info({ ...about, waitedSeconds }, "created the Job");
        return;
      case "exists":
        log.debug(about, "the Job already exists");
        return;
      case "unavailable": {
        const { why, message } = outcome;
        limited.warn(`${why}:${message}`, { ...about, why, reason: message }, "cannot create the Job now");
        return;
      }
      case "forbidden": {
        const { code, message } = outcome;
        limited.error(
          `forbidden:${message}`,
          { ...about, code, reason: message },
          "not allowed to create Jobs: check the dispatcher's Role, and that the queue's namespace exists",
        );
        return;
      }
      case "refused": {
        const { code, message } = outcome;
        limited.error(
          `refused:${message}`,
          { ...about, code, reason: message },
          "the Job was refused: check the queue's template",
        );
        // Otherwise the Buildkite job would wait for an agent that never comes.
        await this.#reservations?.giveUp(
          wanted,
          `Curfew couldn't create a Job for this job. The Kubernetes API server refused it (${code}): ${message}`,
        );
        return;
      }
      case "name-taken": {
        const { namespace } = queue;
        limited.error(
          "name-taken",
          { ...about, namespace },
          "a Job with this name exists, but Curfew didn't create it for this Buildkite job: find out who did, and delete the Job",
        );
        await this.#reservations?.giveUp(
          wanted,
          `Curfew couldn't create a Job for this job. The namespace ${namespace} already has a Job named ${jobName}, which Curfew didn't create for this job. Delete that Job, then retry this one.`,
        );
      }
    }
  }

  #waitedSeconds({ waitingSince }: BuildkiteJob): number | undefined {
    return waitingSince === undefined ? undefined : (this.#context.now() - waitingSince) / 1000;
  }
}

/** Waits for a promise that never rejects, but no longer than `ms`. */
async function settledWithin(ms: number, promise: Promise<void>): Promise<void> {
  await rejectAfter(Math.max(0, ms), promise).catch(() => undefined);
}

function aboutOf({ buildkiteJob, attempt }: WantedJob): Record<string, unknown> {
  return { buildkiteJob: buildkiteJob.id, ...(attempt > 1 ? { attempt } : {}) };
}
