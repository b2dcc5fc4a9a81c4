/**
 * Brings a Job for a Buildkite job of one queue, for a webhook and for the reconcile loop alike. It keeps no state that matters: what it
 * remembers only saves calls, and another replica, or this one after a restart, comes to the same Jobs without it.
 */
import { setTimeout } from "node:timers/promises";
import { Batch } from "../buildkite/batch.ts";
import type { BuildkiteJob, JobStanding } from "../buildkite/job.ts";
import type { QueueConfig, TaggedTemplate } from "../config/dispatch-config.ts";
import { describeError } from "../../process/errors.ts";
import type { DispatchMetrics, Source } from "../dispatch-metrics.ts";
import type { JobCreator } from "../jobs/job-creator.ts";
import type { JobMirror, JobView } from "../jobs/job-mirror.ts";
import type { CreateOutcome } from "../jobs/jobs-api.ts";
import { toLabelValue } from "../jobs/label-value.ts";
import { planAgentJob } from "../jobs/plan-agent-job.ts";
import { StacksError, type StacksApi } from "../buildkite/stacks-api.ts";
import { rejectAfter } from "../../process/deadline.ts";
import type { Logger } from "../../process/log.ts";

export interface QueueDispatcherOptions {
  readonly queue: QueueConfig;
  readonly creator: JobCreator;
  readonly mirror: JobMirror;
  readonly stacks: StacksApi | undefined;
  readonly metrics: DispatchMetrics;
  readonly log: Logger;
  readonly now: () => number;
  /** Between two batched calls to the Stacks API; its limit is ten a second for all replicas together. */
  readonly batchGapMs?: number;
}

export interface JobToBring {
  readonly buildkiteJob: BuildkiteJob;
  readonly template: TaggedTemplate;
  readonly attempt: number;
}

export type BringOutcome =
  | { readonly kind: "created" | "exists" | "forbidden" | "refused" | "unavailable" }
  /** Acquire mode: Buildkite did not reserve it for us, so somebody else has it, or nobody needs to. */
  | { readonly kind: "not-reserved" };

/** The reconcile loop finds a job that just began to wait as a matter of course; one that waited this long had no webhook. */
const MISSED_AFTER_SECONDS = 10;

export class QueueDispatcher {
  readonly queue: QueueConfig;
  /** As the last listing said. */
  paused = false;
  /** Acquire mode: jobs that are reserved for us, as they were when we heard of them. */
  readonly reserved = new Map<string, BuildkiteJob>();
  readonly #options: QueueDispatcherOptions;
  readonly #label: string;
  readonly #tokens: Batch<string>;
  readonly #standings: Batch<JobStanding>;
  #inFlight = 0;

  constructor(options: QueueDispatcherOptions) {
    const gap = options.batchGapMs ?? 250;
    this.#options = options;
    this.queue = options.queue;
    this.#label = toLabelValue(options.queue.name) ?? "";
    this.#tokens = new Batch(gap, (ids) => this.#reserve(ids));
    this.#standings = new Batch(
      gap,
      (ids) => options.stacks?.standings(ids) ?? Promise.resolve(new Map<string, JobStanding>()),
    );
  }

  /** The Jobs of this queue, as far as they are known. */
  views(): JobView[] {
    return [...this.#options.mirror.views()].filter((view) => view.queue === this.#label);
  }

  /** How many more Jobs may be there. Infinity: no limit is set. 0 as long as nobody knows. */
  room(): number {
    const { maxInFlight } = this.queue;
    if (maxInFlight === undefined) return Infinity;
    if (!this.#options.mirror.synced) return 0;
    // Asked for each delivery of a burst: counted without a copy.
    let unfinished = 0;
    for (const { queue, phase } of this.#options.mirror.views())
      if (queue === this.#label && phase !== "finished") unfinished++;
    return maxInFlight - this.#inFlight - unfinished;
  }

  /** Where a job stands; undefined where nobody can say so soon. Never throws: a hint that cannot be had is none. */
  async standing(id: string, budgetMs: number): Promise<JobStanding | undefined> {
    try {
      return this.#options.stacks && (await rejectAfter(budgetMs, this.#standings.ask(id)));
    } catch {
      return undefined;
    }
  }

  /** Brings one Job, retries included, within `budgetMs`. */
  async bring(wanted: JobToBring, source: Source, budgetMs: number): Promise<BringOutcome> {
    this.#inFlight++;
    try {
      if (this.queue.mode === "queue") return await this.#create(wanted, source, budgetMs, undefined);
      const { id } = wanted.buildkiteJob;
      this.reserved.set(id, wanted.buildkiteJob);
      const started = performance.now();
      const token = await this.#retrying(() => this.#tokens.ask(id), budgetMs);
      if (token === undefined) {
        this.reserved.delete(id);
        this.#options.metrics.job(this.queue.name, source, "not-reserved");
        return { kind: "not-reserved" };
      }
      return await this.#create(wanted, source, budgetMs - (performance.now() - started), token);
    } catch (error) {
      this.#options.log.warn(
        { ...this.#about(wanted), ...describeError(error) },
        "cannot reserve the job; the reconcile loop will try again",
      );
      this.#options.metrics.job(this.queue.name, source, "unavailable");
      return { kind: "unavailable" };
    } finally {
      this.#inFlight--;
    }
  }

  async #create(
    wanted: JobToBring,
    source: Source,
    budgetMs: number,
    acquisitionToken?: string,
  ): Promise<BringOutcome> {
    const { creator, mirror, metrics, log, now } = this.#options;
    const job = planAgentJob({
      ...wanted,
      queue: this.queue,
      ...(acquisitionToken === undefined ? {} : { acquisitionToken }),
    });
    const outcome = await creator.create(job, budgetMs);
    metrics.job(this.queue.name, source, outcome.kind);
    const about = { ...this.#about(wanted), job: job.metadata.name, source };
    switch (outcome.kind) {
      case "created": {
        mirror.add(outcome.job);
        const { waitingSince } = wanted.buildkiteJob;
        const waited = waitingSince === undefined ? undefined : (now() - waitingSince) / 1000;
        metrics.created(this.queue.name, source, waited);
        if (source === "reconcile" && wanted.attempt === 1 && (waited ?? 0) > MISSED_AFTER_SECONDS)
          metrics.missed(this.queue.name);
        log.info({ ...about, waitedSeconds: waited }, "created the Job");
        break;
      }
      case "exists":
        log.debug(about, "the Job is there already");
        break;
      case "unavailable":
        log.warn({ ...about, why: outcome.why, reason: outcome.message }, "cannot create the Job now");
        break;
      case "forbidden":
        log.error(
          { ...about, code: outcome.code, reason: outcome.message },
          "may not create Jobs: look at the dispatcher's Role, and whether the queue's namespace exists",
        );
        break;
      case "refused":
        log.error(
          { ...about, code: outcome.code, reason: outcome.message },
          "the Job is refused: look at the queue's template",
        );
        await this.#fail(wanted, outcome);
    }
    return outcome;
  }

  /** Tells Buildkite that no agent will come, rather than let the job wait. At most once: it is over then. */
  async #fail(wanted: JobToBring, { code, message }: Extract<CreateOutcome, { kind: "refused" }>): Promise<void> {
    await this.giveUp(
      wanted,
      `Curfew could not create a Job for this job: the Kubernetes API server refused it (${code}): ${message}`,
    );
  }

  /** Finishes a Buildkite job that cannot be run, with a reason for whoever looks at the build. */
  async giveUp(
    { buildkiteJob, attempt }: { buildkiteJob: BuildkiteJob; attempt: number },
    detail: string,
  ): Promise<void> {
    const { stacks, log } = this.#options;
    if (!stacks) return;
    const about = { buildkiteJob: buildkiteJob.id, queue: this.queue.name, attempt };
    try {
      // Only what is reserved is ours to finish (inferred; agent-stack-k8s does it so).
      const ours = await stacks.reserve([buildkiteJob.id], this.queue.reservationSeconds);
      if (!ours.has(buildkiteJob.id)) return;
      await stacks.finish(buildkiteJob.id, detail);
      this.reserved.delete(buildkiteJob.id);
      log.error(about, "finished the Buildkite job with a reason: it cannot be run");
    } catch (error) {
      log.warn({ ...about, ...describeError(error) }, "cannot finish the Buildkite job");
    }
  }

  /** Reserves jobs and has tokens issued for them; what is missing in the answer is not ours. */
  async #reserve(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { stacks } = this.#options;
    if (!stacks) throw new Error("acquire mode without the Stacks API");
    const ours = await stacks.reserve(ids, this.queue.reservationSeconds);
    return ours.size === 0 ? new Map() : await stacks.issueTokens([...ours]);
  }

  /** Tries again what Buildkite was too busy or unable to answer, within the budget. */
  async #retrying<T>(call: () => Promise<T>, budgetMs: number): Promise<T> {
    const deadline = performance.now() + budgetMs;
    for (let pause = 250; ; pause *= 2) {
      try {
        return await rejectAfter(Math.max(0, deadline - performance.now()), call());
      } catch (error) {
        const passing = error instanceof StacksError && (error.code === 0 || error.code === 429 || error.code >= 500);
        const wait =
          (error instanceof StacksError ? error.retryAfterMs : undefined) ?? pause * (0.5 + Math.random() / 2);
        if (!passing || performance.now() + wait >= deadline) throw error;
        this.#options.metrics.retried();
        await setTimeout(wait);
      }
    }
  }

  #about({ buildkiteJob, attempt }: JobToBring): Record<string, unknown> {
    return { buildkiteJob: buildkiteJob.id, queue: this.queue.name, ...(attempt > 1 ? { attempt } : {}) };
  }
}
