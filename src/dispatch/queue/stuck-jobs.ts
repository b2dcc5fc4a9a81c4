/** Keeps track of a queue's Jobs whose agents don't start: why, since when, and what was told. */
import { isToBeTaken, type JobStanding } from "../buildkite/job.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import type { NamespaceMirrors } from "../jobs/namespace-mirrors.ts";
import {
  describeEnd,
  findStartFailure,
  isFinal,
  lacksAgentToken,
  START_FAILURES,
  type CauseId,
  type StartFailure,
} from "../jobs/start-failures.ts";
import type { AgentPodView } from "./plan-agent-tokens.ts";
import type { StuckJob } from "./plan-reconcile.ts";
import type { QueueContext } from "./queue-state.ts";

export interface ExplainedJob extends StuckJob {
  /** Its reason without advice. */
  readonly text: string;
}

/** A note for a build's page. */
export interface BuildNote {
  /** The Buildkite job's UUID. */
  readonly id: string;
  /** The Job's name. */
  readonly job: string;
  readonly detail: string;
}

/**
 * How long something that can still work has to last before a build's page says so. A Pod is often
 * unschedulable for a moment.
 */
const QUIET_MS = 10_000;

interface Known {
  readonly cause: CauseId;
  readonly since: number;
  isTold: boolean;
}

export class StuckJobs {
  readonly #context: QueueContext;
  readonly #mirrors: Pick<NamespaceMirrors, "pods" | "warnings">;
  /** By the Job's name. */
  readonly #known = new Map<string, Known>();

  constructor(context: QueueContext, mirrors: Pick<NamespaceMirrors, "pods" | "warnings">) {
    this.#context = context;
    this.#mirrors = mirrors;
  }

  /**
   * Looks at a queue's Jobs: those whose agents don't start, by name. Empty as long as the Pods
   * aren't known.
   */
  look(views: readonly JobView[]): ReadonlyMap<string, ExplainedJob> {
    const { queue, metrics, now } = this.#context;
    const found = new Map<string, ExplainedJob>();
    const counts = new Map<CauseId, number>();
    const pendingTimeoutMs = queue.pendingTimeoutSeconds * 1000;
    const { pods } = this.#mirrors;
    for (const view of pods.synced ? views : []) {
      if (view.phase === "finished") continue;
      const failure = this.#failureOf(view, pendingTimeoutMs);
      if (!failure) continue;
      const { cause } = failure;
      const since = this.#sinceOf(view.name, cause);
      const times = { now: now(), startedAt: view.startedAt, since, pendingTimeoutMs };
      const { text, said } = failure;
      // If the Pods are only known as they were, an agent may have started meanwhile. Kubernetes' words
      // come last, as nobody else knows where they end.
      const quoted = said === undefined ? "" : ` Kubernetes says: ${said}`;
      const reason = `${text} ${START_FAILURES[cause].advice}${quoted}`;
      found.set(view.name, {
        view,
        cause,
        text: text + quoted,
        reason,
        isFinal: pods.current && isFinal(failure, times),
      });
      counts.set(cause, (counts.get(cause) ?? 0) + 1);
    }
    for (const name of this.#known.keys()) if (!found.has(name)) this.#known.delete(name);
    metrics.stuck(counts);
    return found;
  }

  /**
   * What to tell the builds of stuck Jobs, each cause once. Each replica tells only about its own
   * Jobs, so that no build is told twice.
   */
  toTell(stuck: ReadonlyMap<string, ExplainedJob>, standings: ReadonlyMap<string, JobStanding>): BuildNote[] {
    const notes: BuildNote[] = [];
    for (const [name, { view, cause, text, isFinal }] of stuck) {
      const known = this.#known.get(name);
      const standing = standings.get(view.buildkiteJobId);
      if (!known || known.isTold || isFinal || !view.isOurs) continue;
      if (!isToBeTaken(standing)) continue;
      if (START_FAILURES[cause].verdict !== "never" && this.#context.now() - known.since < QUIET_MS) continue;
      known.isTold = true;
      notes.push({ id: view.buildkiteJobId, job: name, detail: text });
    }
    return notes;
  }

  /** Call this if the builds couldn't be told. {@link toTell} has the notes again, then. */
  notTold(notes: readonly BuildNote[]): void {
    for (const { job } of notes) {
      const known = this.#known.get(job);
      if (known) known.isTold = false;
    }
  }

  /** Whether what's known of the Pods isn't old. */
  get current(): boolean {
    return this.#mirrors.pods.current;
  }

  /** What kubelet says of a Job's agent. Undefined if the Job has no Pod, or it isn't known. */
  agentOf(jobName: string): AgentPodView | undefined {
    const pod = this.#mirrors.pods.viewOf(jobName);
    if (!pod) return undefined;
    const { agentContainer } = this.#context.queue;
    return {
      agentStarted: pod.started.includes(agentContainer),
      agentEnded: pod.ended.some(({ container }) => container === agentContainer),
      lacksSecret: lacksAgentToken(pod, jobName),
    };
  }

  /** Why a Buildkite job is given up whose Jobs all ended without taking it. */
  whyEnded({ name, buildkiteJobId, attempt }: JobView): string {
    const { namespace } = this.#context.queue;
    const end = describeEnd(this.#mirrors.pods.viewOf(name));
    return [
      attempt === 1 ? "The agent ended without taking this job." : `${attempt} agents ended without taking this job.`,
      ...(end === "" ? [] : [`In the last Pod: ${end}`]),
      `Look at the Pods of the Jobs buildkite-${buildkiteJobId}* in the namespace ${namespace}.`,
    ].join(" ");
  }

  #failureOf(view: JobView, pendingTimeoutMs: number): StartFailure | undefined {
    const { queue, now } = this.#context;
    const { pods, warnings } = this.#mirrors;
    const pod = pods.viewOf(view.name);
    if (view.readyAt !== undefined || pod?.started.includes(queue.agentContainer) === true) return undefined;
    const failure = findStartFailure({
      job: view,
      pod,
      jobWarnings: warnings.about(view.uid),
      podWarnings: pod ? warnings.about(pod.uid) : [],
    });
    if (failure) return failure;
    return now() - view.startedAt > pendingTimeoutMs
      ? { cause: "unexplained", text: `The agent can't start: ${START_FAILURES.unexplained.sentence}.` }
      : undefined;
  }

  #sinceOf(name: string, cause: CauseId): number {
    const known = this.#known.get(name);
    if (known?.cause === cause) return known.since;
    const since = this.#context.now();
    this.#known.set(name, { cause, since, isTold: false });
    return since;
  }
}
