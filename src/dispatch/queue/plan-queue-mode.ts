/**
 * Queue mode's part of a reconcile pass: how many Jobs are missing, and for which Buildkite jobs.
 * Pure.
 *
 * In this mode a Job is capacity: its agent takes whatever its queue offers that its tags allow, not
 * the job that the Job is named after. So if a waiting job's own Job has ended, another Job's agent
 * may well run it. What counts is which jobs find an agent that has yet to take one.
 */
import { isOver, isTaken, type JobStanding } from "../buildkite/job.ts";
import type { TaggedTemplate } from "../config/dispatch-config.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import {
  giveUpOn,
  latestByBuildkiteJob,
  notBefore,
  type GivenUpJob,
  type PlannedJob,
  type RoutedJob,
  type StuckJob,
} from "./plan-reconcile.ts";

/** How many attempts may follow each other without a pause. */
const UNPAUSED_ATTEMPTS = 3;
/**
 * How long a Job whose Pod isn't ready counts as an agent for other jobs than its own. Without a
 * bound, one Pod that never starts would keep another job from ever getting a Job.
 */
const SOON_MS = 60_000;

export interface QueueModeInput {
  /** The jobs that wait and have a template, in the order in which to serve them. */
  readonly waiting: readonly RoutedJob[];
  /** The queue's Jobs. */
  readonly views: readonly JobView[];
  /** The UIDs of Jobs whose agent has ended, even if something else in its Pod still runs. */
  readonly withoutAgent: ReadonlySet<string>;
  /** Of the Buildkite jobs that the Jobs are named after. Asked for after `views` was taken. */
  readonly standings: ReadonlyMap<string, JobStanding>;
  /** Those of the Jobs whose agents don't start, by name. */
  readonly stuck: ReadonlyMap<string, StuckJob>;
  /** The template that a Job was made from, as far as that's known. */
  readonly templateOf: (view: JobView) => TaggedTemplate | undefined;
  /** Whether agents of a template can take a job. */
  readonly serves: (template: TaggedTemplate, job: RoutedJob) => boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly idleTimeoutMs: number;
  readonly retryMs: number;
}

export interface QueueModePlan {
  readonly create: readonly PlannedJob[];
  /** How many more are missing, because their pauses aren't over. */
  readonly postponed: number;
  /** Buildkite jobs whose own Job won't ever have an agent. */
  readonly giveUp: readonly GivenUpJob[];
  /** Jobs that won't ever have an agent, and whose own Buildkite job is over. */
  readonly remove: readonly JobView[];
}

/** Plans queue mode's part of a pass. */
export function planQueueMode(input: QueueModeInput): QueueModePlan {
  const { standings, stuck, now, retryMs } = input;
  const waiting = input.waiting.filter(({ buildkiteJob }) => !isTaken(standings.get(buildkiteJob.id)));
  const waitingIds = new Set(waiting.map(({ buildkiteJob }) => buildkiteJob.id));
  const hopeless = [...stuck.values()].filter(({ isFinal }) => isFinal);
  const giveUp = hopeless
    .filter(({ view }) => waitingIds.has(view.buildkiteJobId))
    .map((one) =>
      giveUpOn(
        one,
        waiting.find(({ buildkiteJob }) => buildkiteJob.id === one.view.buildkiteJobId),
      ),
    );
  const givenUp = new Set(giveUp.map(({ buildkiteJob }) => buildkiteJob.id));
  const remove = hopeless.filter(({ view }) => isOver(standings.get(view.buildkiteJobId))).map(({ view }) => view);

  const latest = latestByBuildkiteJob(input.views);
  const missing = withoutAgent(input, waiting).filter(({ buildkiteJob }) => !givenUp.has(buildkiteJob.id));
  const create = missing
    .map(({ buildkiteJob }) => ({ buildkiteJob, view: latest.get(buildkiteJob.id) }))
    .filter(({ view }) => view === undefined || due(view, retryMs) <= now)
    .map(({ buildkiteJob, view }) => ({ buildkiteJob, attempt: (view?.attempt ?? 0) + 1 }));
  return { create, postponed: missing.length - create.length, giveUp, remove };
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

/** Which of the waiting jobs find no agent, in their order. */
function withoutAgent(input: QueueModeInput, waiting: readonly RoutedJob[]): RoutedJob[] {
  const { views, stuck, now, serves } = input;
  const pending = views.filter((view) => view.phase === "pending" && !hasLeft(input, view));
  const waitingIds = new Set(waiting.map(({ buildkiteJob }) => buildkiteJob.id));
  // A job whose own Job is pending waits for that one, however long it takes: its build is told why.
  const provided = new Set<string>();
  const free = new Map<TaggedTemplate | undefined, number>();
  const add = (view: JobView): void => {
    const template = input.templateOf(view);
    free.set(template, (free.get(template) ?? 0) + 1);
  };
  for (const view of pending) {
    if (waitingIds.has(view.buildkiteJobId) && !provided.has(view.buildkiteJobId)) provided.add(view.buildkiteJobId);
    else if (!stuck.has(view.name) && now - view.createdAt <= SOON_MS) add(view);
  }
  for (const view of idleAgents(input)) add(view);

  const left = waiting.filter(({ buildkiteJob }) => !provided.has(buildkiteJob.id));
  // Agents go to jobs that have an unfinished Job of their own first. The others can have one.
  const live = new Set(views.filter(({ phase }) => phase !== "finished").map((view) => view.buildkiteJobId));
  const hasLive = ({ buildkiteJob }: RoutedJob): boolean => live.has(buildkiteJob.id);
  const ordered = [...left.filter(hasLive), ...left.filter((job) => !hasLive(job))];
  const take = (template: TaggedTemplate | undefined): boolean => {
    const count = free.get(template) ?? 0;
    if (count > 0) free.set(template, count - 1);
    return count > 0;
  };
  // Each job takes an agent of its own template if there's one, so that the rest is left to those
  // that can't take any other.
  const unmatched = ordered.filter(({ template }) => !take(template));
  const takesOther = (job: RoutedJob): boolean =>
    [...free.keys()].some((template) => template !== undefined && serves(template, job) && take(template));
  const missing = new Set(unmatched.filter((job) => !takesOther(job)));
  return left.filter((job) => missing.has(job));
}

/**
 * Whether the agent of a Job whose Pod isn't ready must have left, or has work. Its Pod can remain for
 * hours, for example if its node is down.
 */
function hasLeft({ withoutAgent, now, idleTimeoutMs }: QueueModeInput, { uid, readyAt }: JobView): boolean {
  return withoutAgent.has(uid) || (readyAt !== undefined && now - readyAt > idleTimeoutMs);
}

/**
 * The agents that are up and have no job yet. One that has been ready for longer than the idle
 * timeout has a job, or it would have left. The other ready ones have the rest of the jobs that
 * agents hold.
 */
function idleAgents({ views, standings, now, idleTimeoutMs }: QueueModeInput): JobView[] {
  const held = new Set(views.map((view) => view.buildkiteJobId).filter((id) => standings.get(id) === "held"));
  const ready = views.filter((view) => view.phase === "ready");
  const undecided = ready.filter((view) => now - (view.readyAt ?? now) <= idleTimeoutMs);
  const busyForSure = ready.length - undecided.length;
  const idle = Math.max(0, undecided.length - Math.max(0, held.size - busyForSure));
  // If an agent holds the job that a Job is named after, it's most likely that Job's.
  const isLikelyBusy = (view: JobView): boolean => held.has(view.buildkiteJobId);
  return [...undecided.filter((view) => !isLikelyBusy(view)), ...undecided.filter(isLikelyBusy)].slice(0, idle);
}
