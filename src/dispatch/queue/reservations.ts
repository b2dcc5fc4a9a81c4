/**
 * A queue's reservations at Buildkite. In acquire mode, a job is reserved for us before its Job is
 * created.
 */
import { setTimeout } from "node:timers/promises";
import { rejectAfter } from "../../process/deadline.ts";
import { describeError, messageOf } from "../../process/errors.ts";
import { Batch } from "../buildkite/batch.ts";
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { StacksApi } from "../buildkite/stacks-api.ts";
import { StacksError } from "../buildkite/stacks-error.ts";
import type { PlannedJob } from "./plan-reconcile.ts";
import type { QueueContext } from "./queue-state.ts";

/** A Buildkite job that can't be run, and what its build shows about it. */
export interface GivenUp {
  readonly planned: PlannedJob;
  readonly reason: string;
}

const FIRST_RETRY_MS = 250;
/** How often finishing a job is tried. After that, the reconcile loop comes back to it. */
const FINISH_TRIES = 4;
/** A reservation that ends sooner than this may have ended when Buildkite reads the next call. */
const MARGIN_MS = 30_000;

export class Reservations {
  readonly #context: QueueContext;
  readonly #stacks: Pick<StacksApi, "reserve" | "finish">;
  readonly #reserves: Batch<true>;
  /** Jobs that are reserved for us, as they were when we reserved them. */
  readonly #reserved = new Map<string, BuildkiteJob>();
  /** When reservations of ours end, in milliseconds since 1970. */
  readonly #until = new Map<string, number>();
  /** Ends retries. */
  readonly #abort = new AbortController();

  /**
   * @param batchGapMs the least time between two batches, in which jobs gather for the next one.
   */
  constructor(context: QueueContext, stacks: Pick<StacksApi, "reserve" | "finish">, batchGapMs: number) {
    this.#context = context;
    this.#stacks = stacks;
    this.#reserves = new Batch(batchGapMs, (ids) => this.#reserveAll(ids));
  }

  /** The jobs that are reserved for us, as far as we know. */
  jobs(): IterableIterator<BuildkiteJob> {
    return this.#reserved.values();
  }

  /**
   * Reserves a job within `budgetMs`, retries included. False if Buildkite didn't reserve it for
   * us: somebody else has it, or nobody needs to.
   * @throws OutsideError if Buildkite can't be asked.
   */
  async reserve(buildkiteJob: BuildkiteJob, budgetMs: number): Promise<boolean> {
    const { id } = buildkiteJob;
    this.#reserved.set(id, buildkiteJob);
    const ours = await this.#within(budgetMs, () => this.#reserves.ask(id));
    if (ours === undefined) this.forget(id);
    return ours !== undefined;
  }

  /** Ends all retries. What's still undone is left to other replicas. */
  stop(): void {
    this.#abort.abort();
  }

  /** Call this when an agent has the job, or nobody needs it any more. */
  forget(id: string): void {
    this.#reserved.delete(id);
    this.#until.delete(id);
  }

  /**
   * Extends reservations long before they run out, so that a failed pass does no harm. `ids`: all
   * that have to be kept.
   * @throws OutsideError if Buildkite can't be asked.
   */
  async extend(ids: readonly string[]): Promise<void> {
    const { queue, now } = this.#context;
    const kept = new Set(ids);
    for (const id of this.#until.keys()) if (!kept.has(id) && !this.#reserved.has(id)) this.#until.delete(id);
    const dueMs = (queue.reservationSeconds * 1000 * 2) / 3;
    const asked = now();
    const due = [...kept].filter((id) => (this.#until.get(id) ?? 0) - asked < dueMs);
    if (due.length > 0) await this.#reserveAll(due);
  }

  /**
   * Finishes Buildkite jobs that can't be run, each with a reason for the people who look at its
   * build. This happens at most once to a job, as it's over then. Resolves to the UUIDs of those
   * that were finished here. Never rejects.
   */
  async giveUpAll(all: readonly GivenUp[]): Promise<ReadonlySet<string>> {
    const finished = new Set<string>();
    const giveUp = async ({ planned, reason }: GivenUp): Promise<void> => {
      if (await this.giveUp(planned, reason)) finished.add(planned.buildkiteJob.id);
    };
    await Promise.all(all.map(giveUp));
    return finished;
  }

  /** Finishes one Buildkite job, as {@link giveUpAll} does, and says whether it did. Never rejects. */
  async giveUp({ buildkiteJob: { id }, attempt }: PlannedJob, reason: string): Promise<boolean> {
    const { limited } = this.#context;
    const about = { buildkiteJob: id, attempt };
    try {
      // We can finish only what we have reserved (inferred; agent-stack-k8s does it this way).
      if (!this.#isOurs(id) && (await this.#untilTried(() => this.#reserves.ask(id))) === undefined) return false;
      await this.#untilTried(() => this.#stacks.finish(id, reason));
      this.forget(id);
      const message = "finished the Buildkite job with a reason: it cannot be run";
      limited.error(`finished:${reason}`, { ...about, reason }, message);
      return true;
    } catch (error) {
      limited.warn(
        `finish:${messageOf(error)}`,
        { ...about, ...describeError(error) },
        "cannot finish the Buildkite job",
      );
      return false;
    }
  }

  #isOurs(id: string): boolean {
    return (this.#until.get(id) ?? 0) - this.#context.now() > MARGIN_MS;
  }

  /** Jobs that are missing in the answer aren't ours. */
  async #reserveAll(ids: readonly string[]): Promise<ReadonlyMap<string, true>> {
    const { queue, now } = this.#context;
    const asked = now(); // and no later: Buildkite may count from when it was asked
    const ours = await this.#stacks.reserve(ids, queue.reservationSeconds);
    for (const id of ids) {
      if (ours.has(id)) this.#until.set(id, asked + queue.reservationSeconds * 1000);
      else this.#until.delete(id);
    }
    return new Map(Array.from(ours, (id) => [id, true]));
  }

  /** Tries a call again, within the budget. */
  #within<T>(budgetMs: number, call: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + budgetMs;
    return this.#retrying(
      () => rejectAfter(Math.max(0, deadline - performance.now()), call()),
      (waitMs) => performance.now() + waitMs < deadline,
    );
  }

  /** Tries a call a few times, however long it waits for its turn. */
  #untilTried<T>(call: () => Promise<T>): Promise<T> {
    let tries = 1;
    return this.#retrying(call, () => tries++ < FINISH_TRIES);
  }

  /**
   * Tries a call again if Buildkite was too busy or couldn't answer. Never sooner than Buildkite asks
   * for, on top of pauses of our own that grow.
   */
  async #retrying<T>(call: () => Promise<T>, goesOn: (waitMs: number) => boolean): Promise<T> {
    const { signal } = this.#abort;
    const isStopped = (): boolean => signal.aborted;
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs *= 2) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof StacksError) || !error.mayPass) throw error;
        const waitMs = (error.retryAfterMs ?? 0) + pauseMs * (0.5 + Math.random() / 2);
        if (isStopped() || !goesOn(waitMs)) throw error;
        this.#context.metrics.retried();
        await setTimeout(waitMs, undefined, { signal }).catch(() => undefined);
        if (isStopped()) throw error;
      }
    }
  }
}
