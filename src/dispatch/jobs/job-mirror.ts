/**
 * A mirror of the Jobs in a namespace. It can lag behind by a moment, and never proves anything:
 * names decide at creation, UIDs at deletion.
 */
import { Follower, type FollowerOptions, type ListWatch, type Sink } from "../../kubernetes/list-watch.ts";
import { isWithin } from "../../process/deadline.ts";
import { parseBuildkiteJob, type BuildkiteJob } from "../buildkite/job.ts";
import type { StoredJob } from "./stored-job.ts";
import { ATTEMPT_LABEL, BUILDKITE_JOB_ANNOTATION, JOB_LABEL, QUEUE_LABEL } from "./plan-agent-job.ts";

export interface JobView {
  readonly name: string;
  readonly uid: string;
  readonly buildkiteJobId: string;
  /** As it was when the Job was created. */
  readonly buildkiteJob?: BuildkiteJob;
  /** As in its label. */
  readonly queue: string;
  readonly attempt: number;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  /**
   * pending: its Pod isn't ready, or never was; ready: its Pod is ready; finished: Complete or
   * Failed.
   */
  readonly phase: "pending" | "ready" | "finished";
  /** When its Pod was first seen ready. From then on, its agent may have taken a job. */
  readonly readyAt?: number;
  readonly finishedAt?: number;
  readonly failed: boolean;
  /** It has no Pod until it's resumed, for example by Kueue. */
  readonly suspended: boolean;
  /** Whether this process created it, or found it when it started. */
  readonly isOurs: boolean;
  /** When its Pods could first be created: its creation, or when it was last resumed. */
  readonly startedAt: number;
}

export interface MirrorOptions extends FollowerOptions {
  /** Called once for each Job that has finished. */
  readonly onFinished: (view: JobView) => void;
  /** Called each time that a suspended Job is resumed. */
  readonly onResumed?: (view: JobView) => void;
}

export class JobMirror extends Follower<StoredJob> {
  readonly #onFinished: (view: JobView) => void;
  readonly #onResumed: ((view: JobView) => void) | undefined;
  /** By name. */
  readonly #jobs: Map<string, JobView>;
  /** The names of the Jobs for each Buildkite job, by its UUID. */
  readonly #names = new Map<string, Set<string>>();
  /** The names of those that a list or the watch has reported, not only {@link add}. */
  readonly #reported = new Set<string>();
  readonly #awaited = new Map<string, Set<() => void>>();

  constructor(source: ListWatch<StoredJob>, { onFinished, onResumed, ...options }: MirrorOptions) {
    const jobs = new Map<string, JobView>();
    const sink: Sink<StoredJob> = {
      put: (job) => {
        this.#put(job, !this.synced);
        this.#reported.add(job.metadata.name);
        this.#tell(job.metadata.name);
      },
      delete: (name) => {
        this.#delete(name);
        this.#reported.delete(name);
        this.#tell(name);
      },
      names: () => jobs.keys(),
    };
    super(source, sink, options);
    this.#jobs = jobs;
    this.#onFinished = onFinished;
    this.#onResumed = onResumed;
  }

  /** The Jobs that are known. */
  views(): Iterable<JobView> {
    return this.#jobs.values();
  }

  /** The Job of this name, if it's known. */
  view(name: string): JobView | undefined {
    return this.#jobs.get(name);
  }

  /** The Jobs for one Buildkite job, without a look at the others. */
  viewsOf(buildkiteJobId: string): JobView[] {
    return [...(this.#names.get(buildkiteJobId) ?? [])].flatMap((name) => this.#jobs.get(name) ?? []);
  }

  /** Adds a Job that was just created, so that it counts before the watch reports it. */
  add(job: StoredJob): void {
    // Without the watch, nothing would ever remove it again.
    if (!this.running) return;
    const known = this.#jobs.get(job.metadata.name);
    if (known) this.#jobs.set(known.name, { ...known, isOurs: true });
    else this.#put(job, true);
  }

  /**
   * Resolves to true once a list or the watch has reported a Job that was just created, and to
   * false if that takes longer than `timeoutMs`. A watch reports changes in their order, so from
   * then on, all Jobs that were created before this one are known, too.
   */
  async untilReported(name: string, timeoutMs: number): Promise<boolean> {
    if (this.#reported.has(name)) return true;
    const reported = Promise.withResolvers<true>();
    const tell = (): void => {
      reported.resolve(true);
    };
    const awaited = this.#awaited.get(name) ?? new Set();
    this.#awaited.set(name, awaited.add(tell));
    try {
      return await isWithin(timeoutMs, reported.promise);
    } finally {
      awaited.delete(tell);
      if (awaited.size === 0) this.#awaited.delete(name);
    }
  }

  #tell(name: string): void {
    for (const tell of this.#awaited.get(name) ?? []) tell();
  }

  #delete(name: string): void {
    const { buildkiteJobId = "" } = this.#jobs.get(name) ?? {};
    const names = this.#names.get(buildkiteJobId);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(buildkiteJobId);
    this.#jobs.delete(name);
  }

  #put(job: StoredJob, isOurs: boolean): void {
    const before = this.#jobs.get(job.metadata.name);
    const view = toView(job, before, isOurs);
    if (!view) return;
    if (before !== undefined && before.buildkiteJobId !== view.buildkiteJobId) this.#delete(view.name);
    this.#jobs.set(view.name, view);
    this.#names.set(view.buildkiteJobId, (this.#names.get(view.buildkiteJobId) ?? new Set()).add(view.name));
    if (view.phase === "finished" && before?.phase !== "finished") this.#onFinished(view);
    if (before?.suspended === true && !view.suspended && before.uid === view.uid) this.#onResumed?.(view);
  }
}

function toView(
  { metadata, spec, status }: StoredJob,
  before: JobView | undefined,
  isOurs: boolean,
): JobView | undefined {
  const buildkiteJobId = metadata.labels?.[JOB_LABEL];
  if (buildkiteJobId === undefined) return undefined;
  const end = status?.conditions?.find(
    ({ type, status: holds }) => (type === "Complete" || type === "Failed") && holds === "True",
  );
  const ready = (status?.ready ?? 0) > 0;
  const same = before?.uid === metadata.uid ? before : undefined;
  const earlier = same?.readyAt;
  const buildkiteJob = same?.buildkiteJob ?? parseBuildkiteJob(metadata.annotations?.[BUILDKITE_JOB_ANNOTATION] ?? "");
  const readyAt = earlier ?? (ready ? Date.now() : undefined);
  return {
    name: metadata.name,
    uid: metadata.uid,
    buildkiteJobId,
    queue: metadata.labels?.[QUEUE_LABEL] ?? "",
    attempt: Number(metadata.labels?.[ATTEMPT_LABEL] ?? 1),
    createdAt: Date.parse(metadata.creationTimestamp),
    phase: end ? "finished" : ready ? "ready" : "pending",
    failed: end?.type === "Failed",
    suspended: spec?.suspend === true,
    isOurs: isOurs || same?.isOurs === true,
    startedAt: Date.parse(status?.startTime ?? metadata.creationTimestamp),
    ...(buildkiteJob && { buildkiteJob }),
    ...(readyAt === undefined ? {} : { readyAt }),
    ...(end ? { finishedAt: Date.parse(end.lastTransitionTime ?? "") || before?.finishedAt || Date.now() } : {}),
  };
}
