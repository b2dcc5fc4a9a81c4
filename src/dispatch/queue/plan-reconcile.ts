/** What the plans of both modes share. Pure. */
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { TaggedTemplate } from "../config/dispatch-config.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import type { CauseId } from "../jobs/start-failures.ts";

/** A Job to create. */
export interface PlannedJob {
  readonly buildkiteJob: BuildkiteJob;
  readonly attempt: number;
}

/** A Buildkite job and the template that serves it. */
export interface RoutedJob {
  readonly buildkiteJob: BuildkiteJob;
  readonly template: TaggedTemplate;
}

/** A Job whose agent doesn't start. */
export interface StuckJob {
  readonly view: JobView;
  /** Why, in sentences for people who look at the build. */
  readonly reason: string;
  readonly cause: CauseId;
  /** Whether it's time to give up. */
  readonly isFinal: boolean;
}

/** A Buildkite job that can't be run. */
export interface GivenUpJob extends PlannedJob {
  /** For people who look at the build. */
  readonly reason: string;
  /** `attempts`: all its Jobs ended without taking it. */
  readonly cause: CauseId | "attempts";
  /** Its Job, if that's still there and must go. */
  readonly view?: JobView;
}

/** Gives up on the Buildkite job that a stuck Job is for. */
export function giveUpOn({ view, reason, cause }: StuckJob, routed?: RoutedJob): GivenUpJob {
  // Its id is enough to finish it.
  const buildkiteJob = routed?.buildkiteJob ?? view.buildkiteJob ?? { id: view.buildkiteJobId, rules: [], priority: 0 };
  return { buildkiteJob, attempt: view.attempt, reason, cause, view };
}

const LONGEST_RETRY_MS = 300_000;

/**
 * When the Job after this one can be created, in milliseconds since 1970: `retryMs` after its end,
 * doubled for each of `failures` beyond the first. Otherwise, an image that doesn't start would
 * cause Jobs without end.
 */
export function notBefore(view: JobView, failures: number, retryMs: number): number {
  return (view.finishedAt ?? view.createdAt) + Math.min(retryMs * 2 ** (failures - 1), LONGEST_RETRY_MS);
}

/** Higher priority first, then those that have waited longer, which is Buildkite's own order. */
export function inOrder(buildkiteJobs: readonly BuildkiteJob[]): BuildkiteJob[] {
  return buildkiteJobs.toSorted(
    (a, b) => b.priority - a.priority || (a.waitingSince ?? 0) - (b.waitingSince ?? 0) || (a.id < b.id ? -1 : 1),
  );
}

/** The last attempt of each Buildkite job. */
export function latestByBuildkiteJob(views: readonly JobView[]): Map<string, JobView> {
  const latest = new Map<string, JobView>();
  for (const view of views)
    if (view.attempt >= (latest.get(view.buildkiteJobId)?.attempt ?? 0)) latest.set(view.buildkiteJobId, view);
  return latest;
}
