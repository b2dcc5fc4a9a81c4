/**
 * What's known about a queue: its Jobs, whether it's paused, and how many more Jobs there's room
 * for. None of it is stored: another replica, or this one after a restart, finds it again.
 */
import type { LimitedLog } from "../../process/log-limiter.ts";
import { OutsideError } from "../../process/errors.ts";
import type { Logger } from "../../process/log.ts";
import type { QueueConfig } from "../config/dispatch-config.ts";
import type { JobMirror, JobView } from "../jobs/job-mirror.ts";
import { toLabelValue } from "../jobs/label-value.ts";
import type { StoredJob } from "../jobs/stored-job.ts";
import type { QueueMetrics } from "./metrics.ts";
import { Places, type KnownJobs, type Place } from "./places.ts";

/** What all parts of a queue use. */
export interface QueueContext {
  readonly queue: QueueConfig;
  /** Its lines name the queue. */
  readonly log: Logger;
  /** The same, for lines that can come again and again: once a minute for each cause. */
  readonly limited: LimitedLog;
  readonly metrics: QueueMetrics;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * What's known of the Jobs can be this old. Lists that fail come once a minute, so a few of them may
 * fail.
 */
const STALE_MS = 150_000;

export class QueueState {
  readonly #context: QueueContext;
  readonly #mirror: JobMirror;
  readonly #label: string;
  readonly #places: Places;
  #paused = false;

  constructor(context: QueueContext, mirror: JobMirror) {
    this.#context = context;
    this.#mirror = mirror;
    this.#label = toLabelValue(context.queue.name) ?? "";
    this.#places = new Places(context.queue.maxInFlight, this.#knownJobs());
  }

  /** Whether the queue was paused in Buildkite's last listing. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Notes what a listing says, and logs if that changes. */
  setPaused(paused: boolean): void {
    if (paused !== this.#paused) this.#context.log.info(paused ? "the queue is paused" : "the queue is resumed");
    this.#paused = paused;
  }

  /**
   * Resolves once its Jobs are known. As long as they aren't, an absent Job means nothing.
   * @throws OutsideError if that takes longer than `timeoutMs`, or if what's known is too old.
   */
  async untilKnown(timeoutMs: number): Promise<void> {
    const { namespace } = this.#context.queue;
    const isSynced = await this.#mirror.untilSynced(timeoutMs);
    if (isSynced && this.#mirror.staleMs <= STALE_MS) return;
    const missing = isSynced ? "no list or watch has succeeded for minutes" : "no list has come";
    const why = this.#mirror.refusal?.message ?? `the Jobs in ${namespace} aren't known, as ${missing}`;
    throw new OutsideError(`nothing can be planned: ${why}`);
  }

  /** The Jobs of this queue. */
  views(): JobView[] {
    return [...this.#mirror.views()].filter((view) => view.queue === this.#label);
  }

  /** Whether this Buildkite job has a Job whose Pod isn't ready yet. */
  hasPendingJob(buildkiteJobId: string): boolean {
    return this.#mirror
      .viewsOf(buildkiteJobId)
      .some(({ queue, phase }) => queue === this.#label && phase === "pending");
  }

  /**
   * How many more Jobs there's room for. Infinity if no limit is set, 0 as long as the Jobs aren't
   * known.
   */
  room(): number {
    return this.#places.room();
  }

  /** Takes a place for a Job, in one synchronous step. Undefined if there's no room. */
  claim(name: string): Place | undefined {
    return this.#places.claim(name);
  }

  /** Whether a Job of this name is known to be for this Buildkite job. */
  knows(name: string, buildkiteJobId: string): boolean {
    return this.#mirror.view(name)?.buildkiteJobId === buildkiteJobId;
  }

  /** Whether the Pod of the Job with this name and UID was ready at any time. */
  hasBeenReady(name: string, uid: string): boolean {
    const view = this.#mirror.view(name);
    return view?.uid === uid && view.readyAt !== undefined;
  }

  /** Adds a Job that was just created. */
  created(job: StoredJob): void {
    this.#mirror.add(job);
  }

  #knownJobs(): KnownJobs {
    const [mirror, label] = [this.#mirror, this.#label];
    return {
      get synced() {
        return mirror.synced;
      },
      get current() {
        return mirror.current;
      },
      unfinished() {
        // Called for each delivery of a burst, so it counts without a copy.
        let count = 0;
        for (const { queue, phase } of mirror.views()) if (queue === label && phase !== "finished") count++;
        return count;
      },
      view(name) {
        const view = mirror.view(name);
        return view?.queue === label ? view : undefined;
      },
      untilReported: (name, timeoutMs) => mirror.untilReported(name, timeoutMs),
    };
  }
}
