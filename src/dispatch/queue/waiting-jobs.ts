/**
 * The Buildkite jobs of a queue that wait for an agent, as far as they have been listed. A queue
 * can have so many that reading all pages in each pass would take longer than Buildkite's limits
 * allow. So each pass reads on from where the last one stopped, and what was read is kept.
 */
import { StacksError } from "../buildkite/stacks-error.ts";
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { StacksApi } from "../buildkite/stacks-api.ts";
import type { QueueContext } from "./queue-state.ts";

/** Nothing is planned before this much of the first round was read: the last page can be urgent. */
const FIRST_ROUND_PAGES = 60;
const FIRST_ROUND_MS = 30_000;
/** More than this aren't kept: the oldest of them have to go first anyway. */
const MOST_JOBS = 100_000;

interface Entry {
  readonly buildkiteJob: BuildkiteJob;
  /** The round in which it was last listed. */
  readonly round: number;
}

export class WaitingJobs {
  readonly #context: Pick<QueueContext, "limited">;
  readonly #stacks: Pick<StacksApi, "listPage">;
  readonly #entries = new Map<string, Entry>();
  readonly #shared = new Shared();
  #round = 0;
  #after: string | undefined;
  #complete = false;
  #paused = false;

  constructor(context: Pick<QueueContext, "limited">, stacks: Pick<StacksApi, "listPage">) {
    this.#context = context;
    this.#stacks = stacks;
  }

  /** Whether all pages have been read since the start. Until then, more jobs can be waiting. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether the queue is paused, by the page that was read last. */
  get paused(): boolean {
    return this.#paused;
  }

  /** The jobs that wait, in no order. Some may not wait any more: their page was read a while ago. */
  jobs(): BuildkiteJob[] {
    return Array.from(this.#entries.values(), ({ buildkiteJob }) => buildkiteJob);
  }

  /** Call this when a job doesn't wait any more. If it does after all, it's listed again. */
  forget(id: string): void {
    this.#entries.delete(id);
  }

  /**
   * Reads pages until all are read, or `budgetMs` is used up, but at least one. The first time, it
   * takes longer if it has to. If a page fails, what was read before it is kept. `signal` ends it
   * after the current page.
   * @throws OutsideError if not even one page can be read.
   */
  async read(budgetMs: number, signal?: AbortSignal): Promise<void> {
    const start = performance.now();
    const [mostPages, mostMs] = this.#complete ? [Infinity, budgetMs] : [FIRST_ROUND_PAGES, FIRST_ROUND_MS];
    for (let pages = 0; pages < mostPages; pages++) {
      if (pages > 0 && (signal?.aborted === true || performance.now() - start >= mostMs)) return;
      try {
        if (await this.#readPage()) return;
      } catch (error) {
        // A cursor that Buildkite doesn't know any more is no reason to fail the same way again.
        if (error instanceof StacksError && !error.mayPass) this.#after = undefined;
        if (pages === 0) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        this.#context.limited.warn(`listing:${reason}`, { reason, pages }, "could not list all waiting jobs");
        return;
      }
    }
  }

  /** Reads the next page. Resolves to true if it was the last one. */
  async #readPage(): Promise<boolean> {
    const { buildkiteJobs, paused, next } = await this.#stacks.listPage(this.#after);
    this.#paused = paused;
    for (const buildkiteJob of buildkiteJobs) {
      if (!this.#entries.has(buildkiteJob.id) && this.#entries.size >= MOST_JOBS) continue;
      this.#entries.set(buildkiteJob.id, { buildkiteJob: this.#shared.of(buildkiteJob), round: this.#round });
    }
    this.#after = next;
    if (next !== undefined) return false;
    for (const [id, { round }] of this.#entries) if (round < this.#round) this.#entries.delete(id);
    this.#shared.clear();
    this.#round++;
    this.#complete = true;
    return true;
  }
}

/** Jobs of a build have most of their strings in common. Each is kept once. */
class Shared {
  readonly #texts = new Map<string, string>();
  readonly #rules = new Map<string, readonly string[]>();

  of(buildkiteJob: BuildkiteJob): BuildkiteJob {
    const { rules, pipeline, branch } = buildkiteJob;
    return {
      ...buildkiteJob,
      rules: keptIn(this.#rules, rules.join("\0"), rules),
      ...(pipeline !== undefined && { pipeline: keptIn(this.#texts, pipeline, pipeline) }),
      ...(branch !== undefined && { branch: keptIn(this.#texts, branch, branch) }),
    };
  }

  /** Otherwise it would grow forever. */
  clear(): void {
    this.#texts.clear();
    this.#rules.clear();
  }
}

function keptIn<T>(kept: Map<string, T>, key: string, value: T): T {
  const known = kept.get(key);
  if (known !== undefined) return known;
  kept.set(key, value);
  return value;
}
