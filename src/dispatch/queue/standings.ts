/** Where jobs stand, according to Buildkite, which is asked as seldom as possible. */
import { rejectAfter } from "../../process/deadline.ts";
import { Batch } from "../buildkite/batch.ts";
import { isOver, type JobStanding } from "../buildkite/job.ts";
import type { StacksApi } from "../buildkite/stacks-api.ts";

export class Standings {
  readonly #stacks: StacksApi;
  readonly #hints: Batch<JobStanding>;
  /** Jobs known to be over: nobody needs to ask again. */
  readonly #over = new Map<string, JobStanding>();

  /** @param batchGapMs as for {@link Reservations}. */
  constructor(stacks: StacksApi, batchGapMs: number) {
    this.#stacks = stacks;
    this.#hints = new Batch(batchGapMs, (ids) => stacks.standings(ids));
  }

  /**
   * Where one job stands. Undefined if Buildkite doesn't say so within `budgetMs`. Never rejects.
   */
  async hint(id: string, budgetMs: number): Promise<JobStanding | undefined> {
    try {
      return await rejectAfter(budgetMs, this.#hints.ask(id));
    } catch {
      return undefined;
    }
  }

  /**
   * Where jobs stand, by UUID. Jobs that are over stay over, and aren't asked about again.
   * @param named Buildkite jobs that the queue's Jobs are named after.
   * @param reserved Buildkite jobs that are reserved.
   * @param waiting Buildkite jobs that are listed. Those that have a Job are still asked about, as
   * they may have moved on since the listing.
   * @throws OutsideError if Buildkite can't be asked.
   */
  async of(
    named: ReadonlySet<string>,
    reserved: Iterable<string>,
    waiting: Iterable<string>,
  ): Promise<Map<string, JobStanding>> {
    for (const id of this.#over.keys()) if (!named.has(id)) this.#over.delete(id);
    const asked = new Set([...named, ...reserved].filter((id) => !this.#over.has(id)));
    for (const id of waiting) if (named.has(id)) asked.add(id);
    const standings = await this.#stacks.standings([...asked]);
    for (const [id, standing] of standings) if (isOver(standing)) this.#over.set(id, standing);
    for (const [id, standing] of this.#over) standings.set(id, standing);
    return standings;
  }
}
