/**
 * Which Jobs of an acquire-mode queue need a token for their agents now, and which Secrets aren't
 * needed any more. Pure.
 *
 * A token is valid no longer than the reservation it was issued under, so a Pod that starts late
 * needs a newer one. The dispatcher can't read Secrets: it knows only those that this process has
 * put. Another replica's are assumed to be there, unless kubelet says otherwise.
 */
import { isOver, isToBeTaken, type JobStanding } from "../buildkite/job.ts";
import type { JobView } from "../jobs/job-mirror.ts";

/** A token that this process has put into a Job's Secret. */
export interface PutToken {
  readonly job: Pick<JobView, "name" | "uid">;
  /** The Secret's UID. */
  readonly secretUid: string;
  /** Milliseconds since 1970. */
  readonly putAt: number;
  /** How long it's valid from then on. */
  readonly lifeMs: number;
}

/** What's known of a Job's Pod, besides what the Job's own status says. */
export interface AgentPodView {
  /** The agent's container has started, so kubelet has read its token. */
  readonly agentStarted: boolean;
  /** It has ended, though something else in its Pod may still run. */
  readonly agentEnded: boolean;
  /** Kubelet says that it can't start the container, because the Job's Secret isn't there. */
  readonly lacksSecret: boolean;
}

export interface AgentTokensInput {
  /** The queue's Jobs. */
  readonly views: Iterable<JobView>;
  /** Undefined if the Job has no Pod, or it isn't known. */
  readonly podOf: (jobName: string) => AgentPodView | undefined;
  readonly standings: ReadonlyMap<string, JobStanding>;
  /** By the Job's UID. */
  readonly put: ReadonlyMap<string, PutToken>;
  /** The UIDs of Jobs that surely have no token, for example because they were suspended. */
  readonly lacking: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long a new token is valid. */
  readonly lifeMs: number;
}

export interface AgentTokensPlan {
  /** Jobs that need a new token. */
  readonly provide: readonly JobView[];
  /** Tokens whose Secrets can go. */
  readonly drop: readonly PutToken[];
  /**
   * Jobs that wait for a token, though their Buildkite job is over: their Pods would wait forever.
   */
  readonly stranded: readonly JobView[];
}

/**
 * Kubelet tries again 10 to 15 seconds after it missed a Secret, and says that it's missing until
 * then.
 */
const KUBELET_RETRY_MS = 30_000;
/**
 * A Job's start and its creation have whole seconds. If they're further apart than this, the Job
 * was suspended.
 */
const SUSPENDED_MS = 5000;

/** How long the replica that created a Job has for its token, if nothing is known of its Pod. */
const SURE_MS = 10_000;

/** Plans the tokens of a pass. */
export function planAgentTokens(input: AgentTokensInput): AgentTokensPlan {
  const { views, podOf, standings, put } = input;
  const provide: JobView[] = [];
  const stranded: JobView[] = [];
  const drop: PutToken[] = [];
  for (const view of views) {
    const standing = standings.get(view.buildkiteJobId);
    const pod = podOf(view.name);
    const own = put.get(view.uid);
    const hasStarted = (pod?.agentStarted ?? view.readyAt !== undefined) && pod?.lacksSecret !== true;
    if (view.phase === "finished" || view.suspended || hasStarted) {
      if (own) drop.push(own);
      continue;
    }
    if (pod?.lacksSecret === true && isOver(standing)) stranded.push(view);
    if (isToBeTaken(standing) && dueAt(input, view, pod) <= input.now) provide.push(view);
  }
  return { provide, drop, stranded };
}

/** When a Job needs a new token, in milliseconds since 1970. */
function dueAt({ put, lacking, lifeMs }: AgentTokensInput, view: JobView, pod: AgentPodView | undefined): number {
  const own = put.get(view.uid);
  const missing = pod?.lacksSecret === true;
  if (own) {
    const renewAt = own.putAt + own.lifeMs / 2;
    return missing ? Math.min(renewAt, own.putAt + KUBELET_RETRY_MS) : renewAt;
  }
  // The replica that created a suspended Job may be gone when it's resumed.
  if (missing || lacking.has(view.uid) || view.startedAt - view.createdAt > SUSPENDED_MS) return 0;
  // The replica that created it gave it a token, or kubelet will say that there's none. If nothing
  // is known of its Pod, nothing will.
  return view.createdAt + (pod ? lifeMs / 2 : Math.min(lifeMs / 2, SURE_MS));
}
