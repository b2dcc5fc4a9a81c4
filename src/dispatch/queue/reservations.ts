/**
 * A queue's reservations at Buildkite. In acquire mode, a job is reserved for us before its Job is
 * created.
 */
import { setTimeout } from "node:timers/promises";
import { rejectAfter } from "../../process/deadline.ts";
import { describeError } from "../../process/errors.ts";
import { Batch } from "../buildkite/batch.ts";
import type { BuildkiteJob } from "../buildkite/job.ts";
import { StacksError, type StacksApi } from "../buildkite/stacks-api.ts";
import type { PlannedJob } from "./plan-reconcile.ts";
import type { QueueContext } from "./queue-state.ts";

const FIRST_RETRY_MS = 250;

export class Reservations {
  readonly #context: QueueContext;
  readonly #stacks: StacksApi;
  readonly #tokens: Batch<string>;
  /** Jobs that are reserved for us, as they were when we reserved them. */
  readonly #reserved = new Map<string, BuildkiteJob>();
  readonly #extendedAt = new Map<string, number>();

  /**
   * @param batchGapMs between two calls to the Stacks API, whose limit is ten a second for all
   * replicas together.
   */
  constructor(context: QueueContext, stacks: StacksApi, batchGapMs: number) {
    this.#context = context;
    this.#stacks = stacks;
    this.#tokens = new Batch(batchGapMs, (ids) => this.#reserve(ids));
  }

  /** The jobs that are reserved for us, as far as we know. */
  jobs(): IterableIterator<BuildkiteJob> {
    return this.#reserved.values();
  }

  /**
   * Reserves a job within `budgetMs`, retries included, and resolves to a token that lets an agent
   * take it. Undefined if Buildkite didn't reserve it for us: somebody else has it, or nobody needs
   * to.
   * @throws OutsideError if Buildkite can't be asked.
   */
  async acquire(buildkiteJob: BuildkiteJob, budgetMs: number): Promise<string | undefined> {
    this.#reserved.set(buildkiteJob.id, buildkiteJob);
    const token = await this.#retrying(() => this.#tokens.ask(buildkiteJob.id), budgetMs);
    if (token === undefined) this.forget(buildkiteJob.id);
    return token;
  }

  /** Call this when an agent has the job, or nobody needs it any more. */
  forget(id: string): void {
    this.#reserved.delete(id);
  }

  /**
   * Extends reservations long before they run out, so that a failed pass does no harm.
   * @throws OutsideError if Buildkite can't be asked.
   */
  async extend(ids: readonly string[]): Promise<void> {
    const { queue, now } = this.#context;
    const asked = now(); // and no later: Buildkite may count from when it was asked
    const due = ids.filter((id) => asked - (this.#extendedAt.get(id) ?? 0) > (queue.reservationSeconds * 1000) / 3);
    if (due.length > 0) await this.#stacks.reserve(due, queue.reservationSeconds);
    const kept = new Set(ids);
    for (const id of this.#extendedAt.keys()) if (!kept.has(id)) this.#extendedAt.delete(id);
    for (const id of due) this.#extendedAt.set(id, asked);
  }

  /**
   * Finishes a Buildkite job that can't be run, with a reason for the people who look at the build.
   * This happens at most once, as the job is over then. Never rejects.
   */
  async giveUp({ buildkiteJob, attempt }: PlannedJob, reason: string): Promise<void> {
    const { queue, log } = this.#context;
    const about = { buildkiteJob: buildkiteJob.id, attempt };
    try {
      // We can finish only what we have reserved (inferred; agent-stack-k8s does it this way).
      const ours = await this.#stacks.reserve([buildkiteJob.id], queue.reservationSeconds);
      if (!ours.has(buildkiteJob.id)) return;
      await this.#stacks.finish(buildkiteJob.id, reason);
      this.forget(buildkiteJob.id);
      log.error(about, "finished the Buildkite job with a reason: it cannot be run");
    } catch (error) {
      log.warn({ ...about, ...describeError(error) }, "cannot finish the Buildkite job");
    }
  }

  /** Reserves jobs and gets tokens for them. Jobs that are missing in the answer aren't ours. */
  async #reserve(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const ours = await this.#stacks.reserve(ids, this.#context.queue.reservationSeconds);
    return ours.size === 0 ? new Map() : await this.#stacks.issueTokens([...ours]);
  }

  /** Tries a call again, within the budget, if Buildkite was too busy or couldn't answer. */
  async #retrying<T>(call: () => Promise<T>, budgetMs: number): Promise<T> {
    const deadline = performance.now() + budgetMs;
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs *= 2) {
      try {
        return await rejectAfter(Math.max(0, deadline - performance.now()), call());
      } catch (error) {
        if (!(error instanceof StacksError) || !error.mayPass) throw error;
        const waitMs = error.retryAfterMs ?? pauseMs * (0.5 + Math.random() / 2);
        if (performance.now() + waitMs >= deadline) throw error;
        this.#context.metrics.retried();
        await setTimeout(waitMs);
      }
    }
  }
}
