/** Ends what can't or needn't go on: Buildkite jobs that can't be run, and Jobs that nobody needs. */
import type { JobView } from "../jobs/job-mirror.ts";
import type { JobsApi } from "../jobs/jobs-api.ts";
import type { GivenUpJob } from "./plan-reconcile.ts";
import type { QueueContext, QueueState } from "./queue-state.ts";
import type { Reservations } from "./reservations.ts";
import type { StuckJobs } from "./stuck-jobs.ts";

export interface EnderParts {
  readonly state: Pick<QueueState, "hasBeenReady">;
  readonly reservations: Pick<Reservations, "giveUpAll">;
  readonly jobs: Pick<JobsApi, "delete">;
  readonly stuckJobs: Pick<StuckJobs, "agentOf">;
}

export class JobEnder {
  readonly #context: QueueContext;
  readonly #parts: EnderParts;

  constructor(context: QueueContext, parts: EnderParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Finishes Buildkite jobs that can't be run, then deletes their Jobs.
   * @throws KubeUnreachableError
   */
  async giveUp(all: readonly GivenUpJob[]): Promise<void> {
    const { metrics } = this.#context;
    const finished = await this.#parts.reservations.giveUpAll(
      all.map((planned) => ({ planned, reason: `Curfew gave up on this job. ${planned.reason}` })),
    );
    const done = all.filter(({ buildkiteJob }) => finished.has(buildkiteJob.id));
    for (const { cause } of done) metrics.gaveUp(cause);
    await this.remove(done.flatMap(({ view }) => view ?? []));
  }

  /**
   * Deletes Jobs. If one can't be deleted, it still deletes the others. Finishing a Buildkite job can
   * take minutes: a Job whose agent has started by now stays, as that agent may run a build.
   * @throws KubeUnreachableError
   */
  async remove(views: Iterable<JobView>): Promise<void> {
    const { queue, metrics, log, limited } = this.#context;
    for (const { name, uid, buildkiteJobId } of views) {
      if (this.#hasStarted(name, uid)) continue;
      const about = { buildkiteJob: buildkiteJobId, job: name };
      const outcome = await this.#parts.jobs.delete(queue.namespace, name, uid);
      switch (outcome.kind) {
        case "deleted":
          metrics.deleted();
          log.info(about, "deleted the Job: its Buildkite job was over before an agent started");
          break;
        case "refused":
          limited.warn(
            `delete:${outcome.message}`,
            { ...about, reason: outcome.message },
            "cannot delete the Job, though its Buildkite job is over",
          );
          break;
        case "gone":
      }
    }
  }

  /** Whether a Job's agent has started, by what's known at this moment. */
  #hasStarted(name: string, uid: string): boolean {
    const { state, stuckJobs } = this.#parts;
    const agent = stuckJobs.agentOf(name);
    return state.hasBeenReady(name, uid) || (agent?.agentStarted === true && !agent.lacksSecret);
  }
}
