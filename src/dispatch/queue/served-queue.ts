/**
 * Puts a queue together: what's known about it, how its Jobs are created, and its reconcile loop.
 */
import { StacksApi } from "../buildkite/stacks-api.ts";
import type { JobStanding } from "../buildkite/job.ts";
import type { DispatchConfig } from "../config/dispatch-config.ts";
import type { JobCreator } from "../jobs/job-creator.ts";
import type { JobMirror } from "../jobs/job-mirror.ts";
import type { JobsApi } from "../jobs/jobs-api.ts";
import { JobEnsurer, type WantedJob } from "./ensure-job.ts";
import type { EnsureOutcomeKind } from "./metrics.ts";
import { QueueState, type QueueContext } from "./queue-state.ts";
import { ReconcileLoop, type LoopTimes } from "./reconcile-loop.ts";
import { ReconcilePass } from "./reconcile-pass.ts";
import { Reservations } from "./reservations.ts";
import { Standings } from "./standings.ts";

/** A queue as a webhook sees it. */
export interface ServedQueue {
  readonly config: QueueContext["queue"];
  readonly state: QueueState;
  /** Ensures a Job for a webhook, within `budgetMs`. */
  readonly ensure: (wanted: WantedJob, budgetMs: number) => Promise<EnsureOutcomeKind>;
  /** Where a job stands at Buildkite. Undefined if Buildkite doesn't say so within `budgetMs`. */
  readonly standingHint: (id: string, budgetMs: number) => Promise<JobStanding | undefined>;
  /**
   * Makes the reconcile loop look sooner. Without the Stacks API there's no loop, and nothing
   * happens.
   */
  readonly wake: () => void;
  readonly loop: ReconcileLoop | undefined;
}

/** The Kubernetes side of a queue. Queues of one namespace share a mirror. */
export interface JobAccess {
  readonly jobs: JobsApi;
  readonly creator: JobCreator;
  readonly mirror: JobMirror;
}

/** Apart from the interval, times are shorter in tests. */
export interface QueueTimes extends LoopTimes {
  /** Between two batched calls to the Stacks API. */
  readonly batchGapMs: number;
}

/** Makes a queue. Its loop, if it has one, isn't running yet. */
export function createServedQueue(
  context: QueueContext,
  config: Pick<DispatchConfig, "stacks" | "organization">,
  { jobs, creator, mirror }: JobAccess,
  times: QueueTimes,
): ServedQueue {
  const { queue } = context;
  const state = new QueueState(context, mirror);
  const base = { config: queue, state };
  if (config.stacks === undefined) {
    const ensurer = new JobEnsurer(context, state, creator, undefined);
    return {
      ...base,
      ensure: (wanted, budgetMs) => ensurer.ensure(wanted, "webhook", budgetMs),
      standingHint: () => Promise.resolve(undefined),
      wake: () => undefined,
      loop: undefined,
    };
  }
  // One stack for each queue: Buildkite limits the rate of each stack, and its page shows for each
  // queue whether it's served.
  const stackKey = `${config.stacks.stackKey}-${queue.name}`;
  const { organization } = config;
  const stacks = new StacksApi({ ...config.stacks, stackKey, queueKey: queue.name, organization });
  const standings = new Standings(stacks, times.batchGapMs);
  const reservations = new Reservations(context, stacks, times.batchGapMs);
  const ensurer = new JobEnsurer(context, state, creator, reservations);
  const pass = new ReconcilePass(context, { state, standings, reservations, ensurer, stacks, jobs });
  const loop = new ReconcileLoop(context, () => pass.run(), times);
  return {
    ...base,
    ensure: (wanted, budgetMs) => ensurer.ensure(wanted, "webhook", budgetMs),
    standingHint: (id, budgetMs) => standings.hint(id, budgetMs),
    wake: () => {
      loop.wake();
    },
    loop,
  };
}
