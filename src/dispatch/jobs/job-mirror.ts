/**
 * A mirror of the Jobs in a namespace: it lists, then watches, and does both again when the watch
 * ends, until it's stopped. It can lag behind by a moment, and never proves anything: names decide
 * at creation, UIDs at deletion.
 */
import { setTimeout } from "node:timers/promises";
import { parseBuildkiteJob, type BuildkiteJob } from "../buildkite/job.ts";
import type { JobsApi } from "./jobs-api.ts";
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
}

export interface MirrorOptions {
  readonly namespace: string;
  /** Called once for each Job that has finished. */
  readonly onFinished: (view: JobView) => void;
  /** Called when a list or a watch fails. */
  readonly onError: (error: unknown) => void;
  /** The least time from one list to the next, even if one fails. */
  readonly retryMs?: number;
}

export class JobMirror {
  readonly #api: Pick<JobsApi, "list" | "watch">;
  readonly #options: MirrorOptions;
  /** By name. */
  readonly #jobs = new Map<string, JobView>();
  /** The names of the Jobs for each Buildkite job, by its UUID. */
  readonly #names = new Map<string, Set<string>>();
  readonly #abort = new AbortController();
  #running = false;
  #synced = false;

  constructor(api: Pick<JobsApi, "list" | "watch">, options: MirrorOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** True once a first list has come. Before that, an absent Job means nothing. */
  get synced(): boolean {
    return this.#synced;
  }

  /** The Jobs that are known. */
  views(): Iterable<JobView> {
    return this.#jobs.values();
  }

  /** The Jobs for one Buildkite job, without a look at the others. */
  viewsOf(buildkiteJobId: string): JobView[] {
    return [...(this.#names.get(buildkiteJobId) ?? [])].flatMap((name) => this.#jobs.get(name) ?? []);
  }

  /** Adds a Job that was just created, so that it counts before the watch reports it. */
  add(job: StoredJob): void {
    // Without the watch, nothing would ever remove it again.
    if (this.#running && !this.#jobs.has(job.metadata.name)) this.#put(job);
  }

  /** Lists and watches until {@link stop}. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#abort;
    const stopped = (): boolean => signal.aborted;
    this.#running = true;
    while (!stopped()) {
      const soonest = performance.now() + (this.#options.retryMs ?? 1000);
      try {
        await this.#listAndWatch(signal);
      } catch (error) {
        if (stopped()) return;
        this.#options.onError(error);
      }
      // It rejects if it's aborted. Then the loop ends.
      await setTimeout(Math.max(soonest - performance.now(), 0), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Ends {@link run}. */
  stop(): void {
    this.#abort.abort();
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    const { namespace } = this.#options;
    const seen = new Set<string>();
    const before = new Set(this.#jobs.keys());
    const version = await this.#api.list(
      namespace,
      (page) => {
        for (const job of page) {
          seen.add(job.metadata.name);
          this.#put(job);
        }
      },
      signal,
    );
    // What was added while the list was on its way stays: the watch decides about it.
    for (const name of before) if (!seen.has(name)) this.#delete(name);
    this.#synced = true;
    // When the watch ends, there's a new list. That removes Jobs that were added after their
    // deletion had been reported, and helps if the version is too old (410 Gone).
    for await (const event of this.#api.watch(namespace, version, signal)) {
      if (event.type === "ERROR") return;
      if (event.type === "DELETED") this.#delete(event.object.metadata.name);
      else this.#put(event.object);
    }
  }

  #delete(name: string): void {
    const { buildkiteJobId = "" } = this.#jobs.get(name) ?? {};
    const names = this.#names.get(buildkiteJobId);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(buildkiteJobId);
    this.#jobs.delete(name);
  }

  #put(job: StoredJob): void {
    const before = this.#jobs.get(job.metadata.name);
    const view = toView(job, before);
    if (!view) return;
    if (before !== undefined && before.buildkiteJobId !== view.buildkiteJobId) this.#delete(view.name);
    this.#jobs.set(view.name, view);
    this.#names.set(view.buildkiteJobId, (this.#names.get(view.buildkiteJobId) ?? new Set()).add(view.name));
    if (view.phase === "finished" && before?.phase !== "finished") this.#options.onFinished(view);
  }
}

function toView({ metadata, status }: StoredJob, before: JobView | undefined): JobView | undefined {
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
    ...(buildkiteJob && { buildkiteJob }),
    ...(readyAt === undefined ? {} : { readyAt }),
    ...(end ? { finishedAt: Date.parse(end.lastTransitionTime ?? "") || before?.finishedAt || Date.now() } : {}),
  };
}
