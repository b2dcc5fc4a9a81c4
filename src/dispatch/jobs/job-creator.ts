/** Creates Jobs, as often as it takes within a budget, and no more of them at once than the API server has connections for. */
import { setTimeout } from "node:timers/promises";
import type { CreateOutcome, JobsApi } from "./jobs-api.ts";
import type { AgentJob } from "./plan-agent-job.ts";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 2000;

export class JobCreator {
  readonly #api: JobsApi;
  readonly #turns: ((value: unknown) => void)[] = [];
  #free: number;

  /** @param concurrency how many creations are on their way at once; the others wait for their turn */
  constructor(api: JobsApi, concurrency = 64) {
    this.#api = api;
    this.#free = concurrency;
  }

  /**
   * Creates a Job. Whatever may pass is tried again, with growing pauses, after those that the API server asks for, until `budgetMs` is
   * used up; `onRetry` is called each time. Every answer, and none, is an outcome.
   */
  async create(job: AgentJob, budgetMs: number, onRetry: () => void = () => undefined): Promise<CreateOutcome> {
    const deadline = performance.now() + budgetMs;
    for (let pause = FIRST_RETRY_MS; ; pause = Math.min(pause * 2, LONGEST_RETRY_MS)) {
      const outcome = await this.#inTurn(() => this.#createBefore(deadline, job));
      if (outcome.kind !== "unavailable") return outcome;
      // Never sooner than asked for, and half of the rest is jitter, so that replicas and a burst's Jobs don't come back in step.
      const wait = (outcome.retryAfterMs ?? 0) + pause * (0.5 + Math.random() / 2);
      if (performance.now() + wait >= deadline) return outcome;
      onRetry();
      await setTimeout(wait);
    }
  }

  /** Its turn may come too late: whoever asked has had to be answered by then. */
  async #createBefore(deadline: number, job: AgentJob): Promise<CreateOutcome> {
    const left = deadline - performance.now();
    if (left > 0) return this.#api.create(job, left);
    const message = "other Jobs were created first, for as long as there was time";
    return { kind: "unavailable", why: "throttled", message };
  }

  async #inTurn<T>(call: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise((resolve) => this.#turns.push(resolve));
    try {
      return await call();
    } finally {
      const next = this.#turns.shift();
      if (next) next(undefined);
      else this.#free++;
    }
  }
}
