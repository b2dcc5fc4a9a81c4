/**
 * Acquire mode's part of a reconcile pass: each Buildkite job has a Job of its own, whose agent
 * takes that job or none. Pure.
 *
 * How a Job ended says nothing in this mode: an agent exits with 0 even if another agent has its
 * job, or if Buildkite was down when it tried to acquire the job. What counts is where Buildkite
 * says the job stands.
 */
import { isOver, isToBeTaken, type BuildkiteJob, type JobStanding } from "../buildkite/job.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import {
  giveUpOn,
  inOrder,
  latestByBuildkiteJob,
  notBefore,
  type GivenUpJob,
  type PlannedJob,
  type StuckJob,
} from "./plan-reconcile.ts";

export interface AcquireModeInput {
  /** Buildkite jobs that wait, and those that may be reserved for us but have no unfinished Job. */
  readonly wanted: readonly BuildkiteJob[];
  readonly views: readonly JobView[];
  /** The UIDs of Jobs whose agent has ended, even if something else in its Pod still runs. */
  readonly withoutAgent: ReadonlySet<string>;
  /**
   * Of the Buildkite jobs that the Jobs are named after, and of those in `wanted` that don't
   * plainly wait. Asked for after `views` was taken.
   */
  readonly standings: ReadonlyMap<string, JobStanding>;
  /** Those of the Jobs whose agents don't start, by name. */
  readonly stuck: ReadonlyMap<string, StuckJob>;
  /** Why the Jobs of a Buildkite job ended without it, in sentences for people who look at its build. */
  readonly whyEnded: (view: JobView) => string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly retryMs: number;
  readonly maxAttempts: number;
}

export interface AcquireModePlan {
  readonly create: readonly PlannedJob[];
  /**
   * Buildkite jobs that have a Job, but whose agent has yet to take them. Their reservations
   * mustn't run out.
   */
  readonly extend: readonly string[];
  /** Jobs whose Buildkite job was over before an agent started. */
  readonly remove: readonly JobView[];
  /** Buildkite jobs whose Jobs all ended without taking them, or won't ever have an agent. */
  readonly giveUp: readonly GivenUpJob[];
  /** How many are left for a later pass because their pause isn't over. */
  readonly postponed: number;
}

/** Plans acquire mode's part of a pass. */
export function planAcquireMode({
  wanted,
  views,
  withoutAgent,
  standings,
  stuck,
  whyEnded,
  now,
  retryMs,
  maxAttempts,
}: AcquireModeInput): AcquireModePlan {
  const latest = latestByBuildkiteJob(views);
  const create: PlannedJob[] = [];
  const hopeless = [...stuck.values()].filter(({ isFinal }) => isFinal);
  const giveUp = hopeless
    .filter(({ view }) => isToBeTaken(standings.get(view.buildkiteJobId)))
    .map((one) => giveUpOn(one));
  let postponed = 0;
  for (const buildkiteJob of inOrder(wanted)) {
    const standing = standings.get(buildkiteJob.id) ?? "waiting";
    const view = latest.get(buildkiteJob.id);
    if (!isToBeTaken(standing) || (view && view.phase !== "finished" && !withoutAgent.has(view.uid))) continue;
    const attempt = (view?.attempt ?? 0) + 1;
    if (view && attempt > maxAttempts)
      giveUp.push({ buildkiteJob, attempt: attempt - 1, reason: whyEnded(view), cause: "attempts" });
    else if (view && notBefore(view, view.attempt, retryMs) > now) postponed++;
    else create.push({ buildkiteJob, attempt });
  }
  const unfinished = views.filter((view) => view.phase !== "finished");
  return {
    create,
    giveUp,
    postponed,
    extend: unfinished.map((view) => view.buildkiteJobId).filter((id) => isToBeTaken(standings.get(id))),
    // Not the jobs that an agent has run: a quick build's Job can end before it was ever seen
    // ready. But if kubelet says that it can't start the agent, no agent has run it.
    remove: unfinished.filter(({ name, readyAt, buildkiteJobId }) => {
      const standing = standings.get(buildkiteJobId);
      return (
        readyAt === undefined && (standing === "dropped" || (isOver(standing) && stuck.get(name)?.isFinal === true))
      );
    }),
  };
}
