/**
 * Queue mode's part of a reconcile pass: how many Jobs are missing, and for which Buildkite jobs.
 * Pure.
 *
 * In this mode a Job is capacity: its agent takes whatever its queue offers, not the job that the
 * Job is named after. So if a waiting job's own Job has ended, another Job's agent may well run it.
 * What counts is how many agents have yet to take a job, compared with how many jobs wait. Nothing
 * is ever deleted, as an agent without work leaves by itself.
 */
import { isOver, type BuildkiteJob, type JobStanding } from "../buildkite/job.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import { latestByBuildkiteJob, notBefore, type PlannedJob } from "./plan-reconcile.ts";

/** How many attempts may follow each other without a pause. */
const UNPAUSED_ATTEMPTS = 3;

export interface QueueModeInput {
  /** The jobs that wait, in the order in which to serve them. */
  readonly waiting: readonly BuildkiteJob[];
  /** The queue's Jobs. */
  readonly views: readonly JobView[];
  /** Of the Buildkite jobs that the Jobs are named after. Asked for after `views` was taken. */
  readonly standings: ReadonlyMap<string, JobStanding>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly idleTimeoutMs: number;
  readonly retryMs: number;
}

export interface QueueModePlan {
  readonly create: readonly PlannedJob[];
  /** How many more are missing, because their pauses aren't over. */
  readonly postponed: number;
}

/** Plans queue mode's part of a pass. */
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
  // Those that have no Job to wait for come first.
  const hasLiveJob = ({ view }: (typeof candidates)[number]): boolean =>
    view !== undefined && view.phase !== "finished";
  const ordered = [...candidates.filter((one) => !hasLiveJob(one)), ...candidates.filter(hasLiveJob)];
  const create = ordered.slice(0, missing).map(({ buildkiteJob, attempt }) => ({ buildkiteJob, attempt }));
  return { create, postponed: missing - create.length };
}

/**
 * When the next Job can be created. One that completed has most likely run another job, so the next
 * can come at once. But not again and again, or agents that leave without work would cause Jobs
 * without end.
 */
function due(view: JobView, retryMs: number): number {
  if (view.phase !== "finished" || view.failed) return notBefore(view, view.attempt, retryMs);
  return view.attempt <= UNPAUSED_ATTEMPTS ? 0 : notBefore(view, view.attempt - UNPAUSED_ATTEMPTS, retryMs);
}

/**
 * How many agents are running or about to, and have no job yet. A Pod that isn't ready has none.
 * One that has been ready for longer than the idle timeout has one, or it would have left. The
 * other ready ones have the rest of the jobs that agents hold.
 */
function freeAgents({ views, standings, now, idleTimeoutMs }: QueueModeInput): number {
  const held = new Set(views.map((view) => view.buildkiteJobId).filter((id) => standings.get(id) === "held")).size;
  const ready = views.filter((view) => view.phase === "ready");
  const busyForSure = ready.filter((view) => now - (view.readyAt ?? now) > idleTimeoutMs).length;
  const undecided = ready.length - busyForSure;
  const pending = views.filter((view) => view.phase === "pending").length;
  return pending + Math.max(0, undecided - Math.max(0, held - busyForSure));
}
