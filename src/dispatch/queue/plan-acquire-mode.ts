/**
 * Acquire mode's part of a reconcile pass: each Buildkite job has a Job of its own, whose agent takes that job or none. Pure.
 *
 * How a Job ended says nothing here (an agent whose job another one has, or whose acquisition met an outage, exits 0): what counts is
 * where Buildkite says the job stands.
 */
import type { BuildkiteJob, JobStanding } from "../buildkite/job.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import { inOrder, latestByBuildkiteJob, notBefore, type PlannedJob } from "./plan-reconcile.ts";

export interface AcquireModeInput {
  /** Jobs that wait, and those that may be reserved for us without a Job that lives. */
  readonly wanted: readonly BuildkiteJob[];
  readonly views: readonly JobView[];
  /** Of `wanted`, as far as it is not plainly waiting, and of those that the Jobs are named after; asked after `views` was taken. */
  readonly standings: ReadonlyMap<string, JobStanding>;
  readonly now: number;
  readonly retryMs: number;
  readonly maxAttempts: number;
}

export interface AcquireModePlan {
  readonly create: readonly PlannedJob[];
  /** Buildkite jobs whose Job is there and whose agent is still to take them: their reservations must not run out. */
  readonly extend: readonly string[];
  /** Jobs whose Buildkite job was dropped before an agent started. */
  readonly remove: readonly JobView[];
  /** Buildkite jobs whose Jobs all ended without taking them. */
  readonly giveUp: readonly PlannedJob[];
  /** How many are left for a later pass because their pause is not over. */
  readonly postponed: number;
}

export function planAcquireMode({
  wanted,
  views,
  standings,
  now,
  retryMs,
  maxAttempts,
}: AcquireModeInput): AcquireModePlan {
  const latest = latestByBuildkiteJob(views);
  const create: PlannedJob[] = [];
  const giveUp: PlannedJob[] = [];
  let postponed = 0;
  for (const buildkiteJob of inOrder(wanted)) {
    const standing = standings.get(buildkiteJob.id) ?? "waiting";
    const view = latest.get(buildkiteJob.id);
    if (!isToBeTaken(standing) || (view && view.phase !== "finished")) continue;
    const attempt = (view?.attempt ?? 0) + 1;
    if (attempt > maxAttempts) giveUp.push({ buildkiteJob, attempt: attempt - 1 });
    else if (view && notBefore(view, view.attempt, retryMs) > now) postponed++;
    else create.push({ buildkiteJob, attempt });
  }
  const unfinished = views.filter((view) => view.phase !== "finished");
  return {
    create,
    giveUp,
    postponed,
    extend: unfinished.map((view) => view.buildkiteJobId).filter((id) => isToBeTaken(standings.get(id))),
    // What an agent has run is none of them: a Job of a quick build may end before it was ever seen ready.
    remove: unfinished.filter((view) => view.readyAt === undefined && standings.get(view.buildkiteJobId) === "dropped"),
  };
}

function isToBeTaken(standing: JobStanding | undefined): boolean {
  return standing === "waiting" || standing === "reserved";
}
