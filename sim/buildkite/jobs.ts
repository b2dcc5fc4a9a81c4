/**
 * The jobs of one Buildkite cluster, their states, and the agents that take them. It follows
 * https://buildkite.com/docs/apis/agent-api/stacks,
 * /docs/agent/self-hosted/job-acquisition-tokens and
 * /docs/pipelines/configure/defining-steps#job-states. What those leave open and is guessed here is
 * marked "inferred".
 */
import { randomUUID } from "node:crypto";
import { JobOrder } from "./job-order.ts";
import { RateLimits } from "./rate-limits.ts";

export interface FakeJob {
  readonly id: string;
  readonly queue: string;
  readonly rules: readonly string[];
  readonly priority: number;
  readonly command: string;
  /** What its agent gets besides, or instead of, the variables that every job has. */
  readonly env: Readonly<Record<string, string>>;
  readonly scheduledAt: number;
  state: "scheduled" | "reserved" | "accepted" | "running" | "finished" | "canceled";
  reservation?: { readonly stack: string; readonly until: number };
  exitStatus?: number;
  /** How often an agent began to run it. */
  runs: number;
  /** What the Stacks API's finish said. */
  detail?: string;
  /** When it ended, in milliseconds since 1970. */
  finishedAt?: number;
  /** What stacks told the people who look at the build. */
  readonly notifications: FakeNotification[];
  /** Its log, by sequence number: an agent sends several pieces at once. */
  readonly chunks: Buffer[];
}

export interface FakeNotification {
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** An agent that has registered. */
export interface FakeAgent {
  readonly tags: readonly string[];
  /** Its token was for this job only. */
  readonly only: string | undefined;
  connected: boolean;
  /** The job that it took last. */
  job?: string;
  /** It leaves after its job, and gets no other. */
  leaving?: boolean;
}

/**
 * A job's log, as far as it has come, without the times that the agent puts before each line (ESC
 * _bk;t=… BEL).
 */
export function logOf({ chunks }: FakeJob): string {
  return Buffer.concat(Object.values(chunks))
    .toString()
    .replaceAll(/._bk;t=\d+./gs, "");
}

/** What the Stacks API answers instead. */
export interface StacksFault {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly message?: string;
}

export interface FakeBuildkiteOptions {
  readonly agentToken?: string;
  /** Called before every call to the Stacks API is served. What it returns is sent instead. */
  readonly fault?: (call: string) => StacksFault | undefined;
  readonly now?: () => number;
  /** Multiplies the documented rate limits. Default: 1. */
  readonly rateLimitFactor?: number;
}

export class BuildkiteJobs {
  readonly jobs = new Map<string, FakeJob>();
  readonly stacks = new Set<string>();
  /** By session token. */
  readonly agents = new Map<string, FakeAgent>();
  readonly agentToken: string;
  paused = false;
  /** Which of the two names the listing gives the pause. */
  pausedField: "dispatch_paused" | "paused" = "dispatch_paused";
  fault: NonNullable<FakeBuildkiteOptions["fault"]>;
  /** Calls to the Stacks API, `METHOD /path` with the stack left out, in order. */
  readonly calls: string[] = [];
  /** Those of them that got a 429 because of the rate limits. */
  readonly rateLimited: string[] = [];
  readonly rateLimits: RateLimits;
  readonly now: () => number;
  /**
   * What `--endpoint` is for an agent, and `stacks.endpoint` for the dispatcher; empty until it's
   * served.
   */
  endpoint = "";
  readonly #tokens = new Map<string, { readonly id: string; readonly until: number }>();
  readonly #order = new JobOrder();

  constructor(options: FakeBuildkiteOptions = {}) {
    this.agentToken = options.agentToken ?? "bkct_fake";
    this.fault = options.fault ?? (() => undefined);
    this.now = options.now ?? Date.now;
    this.rateLimits = new RateLimits(options.rateLimitFactor ?? 1);
  }

  /** A new job that waits for an agent. */
  schedule(
    job: Partial<Pick<FakeJob, "id" | "queue" | "rules" | "priority" | "command" | "env" | "scheduledAt">> = {},
  ): FakeJob {
    const queue = job.queue ?? "kubernetes";
    const created: FakeJob = {
      id: randomUUID(),
      queue,
      rules: [`queue=${queue}`],
      priority: 0,
      command: "true",
      env: {},
      scheduledAt: this.now(),
      state: "scheduled",
      runs: 0,
      notifications: [],
      chunks: [],
      ...job,
    };
    this.jobs.set(created.id, created);
    this.#order.add(created);
    return created;
  }

  /**
   * A person cancels it. If it runs, Buildkite would tell its agent first, but that isn't modelled.
   */
  cancel(id: string): void {
    const job = this.jobs.get(id);
    if (!job || job.state === "finished") return;
    job.state = "canceled";
    job.finishedAt = this.now();
  }

  /**
   * Jobs that wait, as the Stacks API lists them: oldest `scheduled_at` first, by UUID if it's the
   * same (inferred). Reserved ones are left out until their reservations expire. Starts behind the
   * job that `after` names, whether or not it still waits (inferred).
   */
  *scheduled(queue: string, after?: string): Generator<FakeJob> {
    for (const job of this.#order.from(after === undefined ? undefined : this.jobs.get(after)))
      if (job.queue === queue && this.stateOf(job) === "scheduled") yield job;
  }

  /** A job's state. If its reservation has expired, it's scheduled again. */
  stateOf(job: FakeJob): FakeJob["state"] {
    if (job.state === "reserved" && (job.reservation?.until ?? 0) <= this.now()) job.state = "scheduled";
    return job.state;
  }

  /** Reserves a job for a stack, or extends its reservation. False if it can't. */
  reserve(id: string, stack: string, seconds: number): boolean {
    const job = this.jobs.get(id);
    if (!job) return false;
    const state = this.stateOf(job);
    if (state !== "scheduled" && !(state === "reserved" && job.reservation?.stack === stack)) return false;
    job.state = "reserved";
    job.reservation = { stack, until: this.now() + seconds * 1000 };
    return true;
  }

  /**
   * Issues a token for a job. Undefined if this stack hasn't reserved the job. The token ends with
   * the reservation, if that's sooner
   * (https://buildkite.com/docs/agent/self-hosted/job-acquisition-tokens). That a reservation which
   * is extended later doesn't prolong it is inferred from `expires_at`.
   */
  issueToken(id: string, stack: string, seconds: number): { token: string; until: number } | undefined {
    const job = this.jobs.get(id);
    if (!job || this.stateOf(job) !== "reserved" || job.reservation?.stack !== stack) return undefined;
    const token = `bkjat_${randomUUID()}`;
    const until = Math.min(this.now() + seconds * 1000, job.reservation.until);
    this.#tokens.set(token, { id, until });
    return { token, until };
  }

  /** What a registration token is good for: any job, one reserved job, or nothing. */
  judgeToken(
    token: string,
  ): { readonly kind: "any" } | { readonly kind: "one"; readonly id: string } | { readonly kind: "none" } {
    if (token === this.agentToken) return { kind: "any" };
    const known = this.#tokens.get(token);
    const job = known && this.jobs.get(known.id);
    const valid = known && job && known.until > this.now() && this.stateOf(job) === "reserved";
    return valid ? { kind: "one", id: known.id } : { kind: "none" };
  }

  /**
   * An agent without a job asks for one. It gets the job with the highest priority that has waited
   * longest, but none on a paused queue, and none that's reserved. All the job's rules must be
   * among `tags`.
   */
  dispatchTo(tags: readonly string[]): FakeJob | undefined {
    if (this.paused) return undefined;
    let best: FakeJob | undefined;
    for (const one of this.#order.from(undefined)) {
      if (best !== undefined && one.priority <= best.priority) continue;
      if (this.stateOf(one) === "scheduled" && one.rules.every((rule) => tags.includes(rule))) best = one;
    }
    if (best) best.state = "accepted";
    return best;
  }

  /**
   * An agent asks for this one job. It's refused (HTTP 422) unless the job waits or is reserved
   * (inferred). A paused queue doesn't matter (inferred).
   */
  acquire(id: string): FakeJob | undefined {
    const job = this.jobs.get(id);
    if (!job || !["scheduled", "reserved"].includes(this.stateOf(job))) return undefined;
    job.state = "accepted";
    return job;
  }

  /** An agent starts the job. False, here and below, if no agent holds it (any more). */
  start(id: string): boolean {
    const job = this.jobs.get(id);
    if (job?.state !== "accepted") return false;
    job.state = "running";
    job.runs++;
    return true;
  }

  /** An agent has run the job. */
  finish(id: string, exitStatus: number): boolean {
    const job = this.jobs.get(id);
    if (job?.state !== "accepted" && job?.state !== "running") return false;
    job.state = "finished";
    job.exitStatus = exitStatus;
    job.finishedAt = this.now();
    return true;
  }
}
