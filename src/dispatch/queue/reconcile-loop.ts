/**
 * The loop behind the webhooks. Webhooks are only hints, as Buildkite doesn't promise to deliver
 * them again. The loop makes sure that no job is lost, and works without webhooks, too.
 */
import { setTimeout } from "node:timers/promises";
import { describeError, messageOf } from "../../process/errors.ts";
import { WakeUp } from "../../process/wake-up.ts";
import { StacksError } from "../buildkite/stacks-error.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import type { QueueContext } from "./queue-state.ts";
import type { PassOutcome } from "./reconcile-pass.ts";

export interface LoopTimes {
  /** Between two passes that nobody asked for. */
  readonly intervalMs: number;
  /** The least time between two passes, however often it's woken. */
  readonly gapMs: number;
}

export class ReconcileLoop {
  readonly #context: QueueContext;
  readonly #pass: (signal: AbortSignal) => Promise<PassOutcome>;
  readonly #times: LoopTimes;
  readonly #abort = new AbortController();
  readonly #wakeUp = new WakeUp();
  #failures = 0;
  #lastOutcome: PassOutcome = "done";

  constructor(context: QueueContext, pass: (signal: AbortSignal) => Promise<PassOutcome>, times: LoopTimes) {
    this.#context = context;
    this.#pass = pass;
    this.#times = times;
  }

  /** Makes the next pass start as soon as it may. */
  wake(): void {
    this.#wakeUp.ring();
  }

  /**
   * Call this when a Job has finished. It wakes the loop if the Job may have left its Buildkite job
   * behind, or makes room for one that waits.
   */
  onJobFinished({ failed }: JobView): void {
    if (failed || this.#lastOutcome !== "done" || this.#context.queue.mode === "acquire") this.wake();
  }

  /** Runs passes until {@link stop}, and resolves when the last one has ended. Never rejects. */
  async run(): Promise<void> {
    const stopped = (): boolean => this.#abort.signal.aborted;
    while (!stopped()) {
      this.#wakeUp.reset();
      const error = await this.#runOnce();
      await this.#pause(error instanceof StacksError ? error.retryAfterMs : undefined);
    }
  }

  /** Ends {@link run} after the current pass. */
  stop(): void {
    this.#abort.abort();
    this.#wakeUp.ring();
  }

  /** Runs one pass. Resolves to its error if it fails. */
  async #runOnce(): Promise<unknown> {
    const { metrics, log, limited } = this.#context;
    try {
      this.#lastOutcome = await this.#pass(this.#abort.signal);
      metrics.passed("done");
      if (this.#lastOutcome === "more") this.wake();
      if (this.#failures > 0) log.info("reconciling again");
      this.#failures = 0;
      return undefined;
    } catch (error) {
      this.#failures++;
      this.#lastOutcome = "left-over";
      metrics.passed("failed");
      const about = { ...describeError(error), failures: this.#failures };
      limited.warn(`pass:${messageOf(error)}`, about, "a reconcile pass failed");
      return error;
    }
  }

  /**
   * Waits for the next pass. The pause is shorter after a first failure, then grows, and is never
   * in step with other replicas'.
   * @param retryAfterMs the pause that Buildkite asked for, on top of which ours comes
   */
  async #pause(retryAfterMs = 0): Promise<void> {
    const { intervalMs, gapMs } = this.#times;
    await this.#sleep(gapMs);
    if (this.#failures === 0) {
      await this.#wakeUp.wait(Math.max(0, jitter(intervalMs) - gapMs));
      return;
    }
    // Nothing cuts this pause short: it grows with each failure, and Buildkite may have asked for it.
    const pauseMs = Math.min(gapMs * 2 ** (this.#failures - 1), Math.max(gapMs, intervalMs));
    await this.#sleep(retryAfterMs + pauseMs * (0.5 + Math.random() / 2));
  }

  async #sleep(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#abort.signal }).catch(() => undefined);
  }
}

function jitter(ms: number): number {
  return ms * (0.8 + Math.random() * 0.4);
}
