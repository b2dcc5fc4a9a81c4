/**
 * Puts a queue together: what's known about it, how its Jobs are created, and its reconcile loop.
 */
import { StacksApi } from "../buildkite/stacks-api.ts";
import type { JobStanding } from "../buildkite/job.ts";
import type { DispatchConfig, StacksConfig } from "../config/dispatch-config.ts";
import { stackKeyOf } from "../config/stack-key.ts";
import type { JobCreator } from "../jobs/job-creator.ts";
import type { JobsApi } from "../jobs/jobs-api.ts";
import type { SecretsApi } from "../jobs/secrets-api.ts";
import { AgentTokens } from "./agent-tokens.ts";
import type { NamespaceMirrors } from "../jobs/namespace-mirrors.ts";
import { JobEnder } from "./end-jobs.ts";
import { JobEnsurer, type EnsureResult, type WantedJob } from "./ensure-job.ts";
import { QueueState, type QueueContext } from "./queue-state.ts";
import { ReconcileLoop, type LoopTimes } from "./reconcile-loop.ts";
import { ReconcilePass, type PassParts } from "./reconcile-pass.ts";
import { Reservations } from "./reservations.ts";
import { Standings } from "./standings.ts";
import { StuckJobs } from "./stuck-jobs.ts";
import { WaitingJobs } from "./waiting-jobs.ts";

/** A queue as a webhook sees it. */
export interface ServedQueue {
  readonly config: QueueContext["queue"];
  readonly state: QueueState;
  /** Ensures a Job for a webhook, within `budgetMs`. */
  readonly ensure: (wanted: WantedJob, budgetMs: number) => Promise<EnsureResult>;
  /** Where a job stands at Buildkite. Undefined if Buildkite doesn't say so within `budgetMs`. */
  readonly standingHint: (id: string, budgetMs: number) => Promise<JobStanding | undefined>;
  /**
   * Makes the reconcile loop look sooner. Without the Stacks API there's no loop, and nothing
   * happens.
   */
  readonly wake: () => void;
  /** Ends the loop after the current pass, and what would make that pass wait. */
  readonly stop: () => void;
  readonly loop: ReconcileLoop | undefined;
  /** Undefined in queue mode, where agents share a token. */
  readonly tokens: AgentTokens | undefined;
}

/** The Kubernetes side of a queue. Queues of one namespace share its mirrors. */
export interface JobAccess {
  readonly jobs: JobsApi;
  readonly secrets: SecretsApi;
  readonly creator: JobCreator;
  readonly mirrors: NamespaceMirrors;
}

/** What a queue has to know about Buildkite. */
export interface BuildkiteSide extends Pick<DispatchConfig, "stacks" | "organization"> {
  /** Called with each answer, with how many milliseconds this machine's clock is ahead. */
  readonly onClock: (skewMs: number) => void;
}

/** Apart from the interval, times are shorter in tests. */
export interface QueueTimes extends LoopTimes {
  /** Between two batched calls to the Stacks API. */
  readonly batchGapMs: number;
}

/** Makes a queue. Its loop, if it has one, isn't running yet. */
export function createServedQueue(
  context: QueueContext,
  config: BuildkiteSide,
  { jobs, secrets, creator, mirrors }: JobAccess,
  times: QueueTimes,
): ServedQueue {
  const state = new QueueState(context, mirrors.jobs);
  let skewMs = 0;
  const onClock = (ms: number): void => {
    skewMs = ms;
    config.onClock(ms);
  };
  const stack = config.stacks && createStack(context, config.stacks, { ...config, onClock }, times.batchGapMs);
  const tokens =
    stack && context.queue.mode === "acquire"
      ? new AgentTokens(context, stack.stacks, secrets, times.batchGapMs)
      : undefined;
  const ensurer = new JobEnsurer(context, state, creator, stack?.reservations, tokens);
  // Their age is by other machines' clocks. If this one is an hour ahead, none of them is late yet.
  const stuckJobs = new StuckJobs({ ...context, now: () => context.now() - skewMs }, mirrors);
  const ender = stack && new JobEnder(context, { ...stack, state, jobs, stuckJobs });
  const pass = ender && new ReconcilePass(context, { ...stack, state, ensurer, ender, tokens, stuckJobs });
  const loop = pass && new ReconcileLoop(context, (signal) => pass.run(signal), times);
  return {
    config: context.queue,
    state,
    ensure: (wanted, budgetMs) => ensurer.ensure(wanted, "webhook", budgetMs),
    standingHint: async (id, budgetMs) => stack?.standings.hint(id, budgetMs),
    wake: () => loop?.wake(),
    stop: () => {
      loop?.stop();
      stack?.reservations.stop();
    },
    loop,
    tokens,
  };
}

/**
 * The Buildkite side of a queue. Each queue has a stack of its own: Buildkite limits the rate of each
 * stack, and its page shows for each queue whether it's served.
 */
function createStack(
  context: QueueContext,
  config: StacksConfig,
  { organization, onClock }: BuildkiteSide,
  batchGapMs: number,
): Pick<PassParts, "stacks" | "standings" | "reservations" | "waitingJobs"> {
  const { name } = context.queue;
  const stacks = new StacksApi({
    ...config,
    stackKey: stackKeyOf(config.stackKey, name),
    queueKey: name,
    organization,
    now: context.now,
    onClock,
    limited: context.limited,
  });
  return {
    stacks,
    waitingJobs: new WaitingJobs(context, stacks),
    standings: new Standings(stacks, batchGapMs),
    reservations: new Reservations(context, stacks, batchGapMs),
  };
}
