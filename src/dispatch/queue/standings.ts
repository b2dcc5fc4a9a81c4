/** Where Buildkite says that jobs stand, asked as seldom as possible. */
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

  /** Where one job stands; undefined if nobody can say so within `budgetMs`. Never rejects: a hint that can't be had is none. */
  async hint(id: string, budgetMs: number): Promise<JobStanding | undefined> {
    try {
      return await rejectAfter(budgetMs, this.#hints.ask(id));
    } catch {
      return undefined;
    }
  }

  /**
   * Where the jobs that Jobs are named after stand, and those that are reserved. What is over stays over, and isn't asked about again.
   * @param named of the queue's Jobs, by UUID of their Buildkite job.
   * @param waiting a listed job that has a Job is asked about even so: it may have moved on since the listing.
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
