/**
 * Queue mode's part of a reconcile pass: how many Jobs are missing, and for which Buildkite jobs. Pure.
 *
 * Here a Job is capacity: its agent takes whatever its queue offers, not the job that it is named after. So a scheduled job whose own
 * Job has ended may well be served by another's, and what counts is the number: agents that are still to take a job, against
 * jobs that wait. Nothing is ever deleted: an agent without work leaves by itself.
 */
import { isOver, type BuildkiteJob, type JobStanding } from "../buildkite/job.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import { latestByBuildkiteJob, notBefore, type PlannedJob } from "./plan-reconcile.ts";

const UNPAUSED_ATTEMPTS = 3;

export interface QueueModeInput {
  /** What waits, in the order in which it is to be served. */
  readonly waiting: readonly BuildkiteJob[];
  /** The queue's Jobs. */
  readonly views: readonly JobView[];
  /** Of the Buildkite jobs that the Jobs are named after, asked after `views` was taken. */
  readonly standings: ReadonlyMap<string, JobStanding>;
  readonly now: number;
  readonly idleTimeoutMs: number;
  readonly retryMs: number;
}

export interface QueueModePlan {
  readonly create: readonly PlannedJob[];
  /** How many are missing beyond that, because their pauses are not over. */
  readonly postponed: number;
}

export function planQueueMode(input: QueueModeInput): QueueModePlan {
  const { waiting, views, standings, now, retryMs } = input;
  const latest = latestByBuildkiteJob(views);
  const missing = waiting.length - freeAgents(input);
  if (missing <= 0) return { create: [], postponed: 0 };
  const candidates = waiting
    .filter(({ id }) => standings.get(id) !== "held" && !isOver(standings.get(id)))
    .map((buildkiteJob) => {
      const view = latest.get(buildkiteJob.id);
      const attempt = (view?.attempt ?? 0) + 1;
      return { buildkiteJob, attempt, view, due: view ? due(view, retryMs) : 0 };
    })
    .filter(({ due }) => due <= now);
  // First those that have no Job to wait for.
  const hasLiveJob = ({ view }: (typeof candidates)[number]): boolean =>
    view !== undefined && view.phase !== "finished";
  const ordered = [...candidates.filter((one) => !hasLiveJob(one)), ...candidates.filter(hasLiveJob)];
  const create = ordered.slice(0, missing).map(({ buildkiteJob, attempt }) => ({ buildkiteJob, attempt }));
  return { create, postponed: missing - create.length };
}

/**
 * A Job that completed has most likely served another job, so the next one may come at once; but not again and again, or agents that
 * leave without having worked would make Jobs without end.
 */
function due(view: JobView, retryMs: number): number {
  if (view.phase !== "finished" || view.failed) return notBefore(view, view.attempt, retryMs);
  return view.attempt <= UNPAUSED_ATTEMPTS ? 0 : notBefore(view, view.attempt - UNPAUSED_ATTEMPTS, retryMs);
}

/**
 * Agents that are there or on their way and have no job yet. A Pod that is not ready has none. One that is ready for longer than the
 * idle timeout has one, or it would have left. Of the other ready ones as many have a job as jobs of ours are held beyond those.
 */
function freeAgents({ views, standings, now, idleTimeoutMs }: QueueModeInput): number {
  const held = new Set(views.map((view) => view.buildkiteJobId).filter((id) => standings.get(id) === "held")).size;
  const ready = views.filter((view) => view.phase === "ready");
  const busyForSure = ready.filter((view) => now - (view.readyAt ?? now) > idleTimeoutMs).length;
  const undecided = ready.length - busyForSure;
  const pending = views.filter((view) => view.phase === "pending").length;
  return pending + Math.max(0, undecided - Math.max(0, held - busyForSure));
}
