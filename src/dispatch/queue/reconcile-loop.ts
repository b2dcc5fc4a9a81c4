/**
 * The loop behind the webhooks. Webhooks are hints (Buildkite promises no redelivery); this makes sure that no job is lost, and works
 * alone, too.
 */
import { setTimeout } from "node:timers/promises";
import { describeError } from "../../process/errors.ts";
import { WakeUp } from "../../process/wake-up.ts";
import { StacksError } from "../buildkite/stacks-api.ts";
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
  readonly #pass: () => Promise<PassOutcome>;
  readonly #times: LoopTimes;
  readonly #abort = new AbortController();
  readonly #wakeUp = new WakeUp();
  #failures = 0;
  #lastOutcome: PassOutcome = "done";

  constructor(context: QueueContext, pass: () => Promise<PassOutcome>, times: LoopTimes) {
    this.#context = context;
    this.#pass = pass;
    this.#times = times;
  }

  /** Has the next pass come as soon as it may. */
  wake(): void {
    this.#wakeUp.ring();
  }

  /** A Job has finished. That matters if it may have left its Buildkite job behind, or makes room for one that waits. */
  onJobFinished({ failed }: JobView): void {
    if (failed || this.#lastOutcome === "left-over" || this.#context.queue.mode === "acquire") this.wake();
  }

  /** Runs passes until {@link stop}; resolves when the last one has ended. Never rejects. */
  async run(): Promise<void> {
    const stopped = (): boolean => this.#abort.signal.aborted;
    while (!stopped()) {
      this.#wakeUp.reset();
      const error = await this.#runOnce();
      await this.#pause(error instanceof StacksError ? error.retryAfterMs : undefined);
    }
  }

  stop(): void {
    this.#abort.abort();
    this.#wakeUp.ring();
  }

  /** One pass. Resolves to what it failed for. */
  async #runOnce(): Promise<unknown> {
    const { metrics, log } = this.#context;
    try {
      this.#lastOutcome = await this.#pass();
      metrics.passed("done");
      if (this.#failures > 0) log.info("reconciling again");
      this.#failures = 0;
      return undefined;
    } catch (error) {
      this.#failures++;
      metrics.passed("failed");
      log.warn({ ...describeError(error), failures: this.#failures }, "a reconcile pass failed");
      return error;
    }
  }

  /** Sooner after a failure, then less and less; never in step with other replicas. */
  async #pause(retryAfterMs: number | undefined): Promise<void> {
    const { intervalMs, gapMs } = this.#times;
    await this.#sleep(gapMs);
    if (this.#failures === 0) {
      await this.#wakeUp.wait(Math.max(0, jitter(intervalMs) - gapMs));
      return;
    }
    // Nobody may cut this one short: it grows, or Buildkite asked for it.
    const pauseMs = retryAfterMs ?? jitter(Math.min(gapMs * 2 ** (this.#failures - 1), intervalMs));
    await this.#sleep(Math.max(0, pauseMs - gapMs));
  }

  async #sleep(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#abort.signal }).catch(() => undefined);
  }
}

function jitter(ms: number): number {
  return ms * (0.8 + Math.random() * 0.4);
}
