/** The fake's jobs by `scheduled_at`, in which pages of tens of thousands are found quickly. */
import type { FakeJob } from "./jobs.ts";

export class JobOrder {
  #jobs: FakeJob[] = [];
  #sorted = true;

  add(job: FakeJob): void {
    const last = this.#jobs.at(-1);
    if (last && compare(last, job) > 0) this.#sorted = false;
    this.#jobs.push(job);
  }

  /** The jobs that aren't over, oldest first, behind `after`. */
  *from(after: FakeJob | undefined): Generator<FakeJob> {
    if (!this.#sorted || this.#jobs[0]?.finishedAt !== undefined) this.#tidy();
    const jobs = this.#jobs;
    for (let index = after ? firstAfter(jobs, after) : 0; index < jobs.length; index++) {
      const job = jobs[index];
      if (job && job.finishedAt === undefined) yield job;
    }
  }

  #tidy(): void {
    this.#jobs = this.#jobs.filter(({ finishedAt }) => finishedAt === undefined).sort(compare);
    this.#sorted = true;
  }
}

function compare(a: FakeJob, b: FakeJob): number {
  return a.scheduledAt - b.scheduledAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** The index of the first job that comes after `job`, which needn't be among them. */
function firstAfter(jobs: readonly FakeJob[], job: FakeJob): number {
  let [low, high] = [0, jobs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = jobs[middle];
    if (one && compare(one, job) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
