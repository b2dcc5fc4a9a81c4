/**
 * Creates Jobs. It tries again within a budget of time, and limits how many Jobs it creates at
 * once.
 */
import { setTimeout } from "node:timers/promises";
import { createInTurn } from "../../process/in-turn.ts";
import type { Answer, JobsApi } from "./jobs-api.ts";
import type { CreateOutcome } from "./job-outcomes.ts";
import type { AgentJob } from "./plan-agent-job.ts";
import type { StoredJob } from "./stored-job.ts";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 2000;

export class JobCreator {
  readonly #api: JobsApi;
  readonly #inTurn: ReturnType<typeof createInTurn>;

  /**
   * @param concurrency the most creations at once; the others wait for their turn
   */
  constructor(api: JobsApi, concurrency = 64) {
    this.#api = api;
    this.#inTurn = createInTurn(concurrency);
  }

  /**
   * Creates a Job. If the API server can't do that now, it tries again until `budgetMs` is used up,
   * with growing pauses on top of those that the API server asks for. It calls `onRetry` before
   * each retry. It never rejects: every answer, or no answer, is an outcome.
   */
  async create(
    job: AgentJob,
    budgetMs: number,
    onRetry: () => void = () => undefined,
    answer?: Answer,
  ): Promise<CreateOutcome> {
    const deadline = performance.now() + budgetMs;
    let mayExist = false;
    for (let pause = FIRST_RETRY_MS; ; pause = Math.min(pause * 2, LONGEST_RETRY_MS)) {
      const tried = await this.#inTurn(() => this.#createBefore(deadline, job, answer));
      if (tried.kind !== "unavailable") return tried;
      mayExist ||= tried.mayExist ?? false;
      const outcome = { ...tried, mayExist };
      // Never sooner than the API server asks for. Half of our own pause is jitter, so that
      // replicas and a burst's Jobs don't come back in step.
      const wait = (outcome.retryAfterMs ?? 0) + pause * (0.5 + Math.random() / 2);
      if (performance.now() + wait >= deadline) return outcome;
      onRetry();
      await setTimeout(wait);
    }
  }

  /** As {@link JobsApi.get}. */
  get(namespace: string, name: string, timeoutMs: number): Promise<StoredJob | undefined> {
    return this.#api.get(namespace, name, timeoutMs);
  }

  /** Its turn can come too late: by then, the caller's time is up. */
  async #createBefore(deadline: number, job: AgentJob, answer?: Answer): Promise<CreateOutcome> {
    const left = deadline - performance.now();
    if (left > 0) return this.#api.create(job, left, answer);
    const message = "other Jobs were created first, and then no time was left";
    return { kind: "unavailable", why: "throttled", message };
  }
}
