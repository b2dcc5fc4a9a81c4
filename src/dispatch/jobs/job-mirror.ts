/**
 * What Jobs there are: a list, then a watch, and both again when that ends, for as long as it is wanted. It may lag behind by a moment
 * and is never the proof of anything: names decide at creation, UIDs at deletion.
 */
import { setTimeout } from "node:timers/promises";
import { parseBuildkiteJob, type BuildkiteJob } from "../buildkite/job.ts";
import type { JobsApi, StoredJob } from "./jobs-api.ts";
import { ATTEMPT_LABEL, BUILDKITE_JOB_ANNOTATION, JOB_LABEL, QUEUE_LABEL } from "./plan-agent-job.ts";

export interface JobView {
  readonly name: string;
  readonly uid: string;
  readonly buildkiteJobId: string;
  /** As it was when the Job was made. */
  readonly buildkiteJob?: BuildkiteJob;
  /** As in its label. */
  readonly queue: string;
  readonly attempt: number;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  /** pending: its Pod is not ready, or never was; ready: its Pod is; finished: Complete or Failed. */
  readonly phase: "pending" | "ready" | "finished";
  /** When its Pod was first seen ready: from then on its agent may have taken a job. */
  readonly readyAt?: number;
  readonly finishedAt?: number;
  readonly failed: boolean;
}

export interface MirrorOptions {
  readonly namespace: string;
  /** Called once for each Job that is seen to have finished. */
  readonly onFinished: (view: JobView) => void;
  readonly onError: (error: unknown) => void;
  /** How long to wait after a failed list or watch, or one that ends sooner. */
  readonly retryMs?: number;
}

export class JobMirror {
  readonly #api: Pick<JobsApi, "list" | "watch">;
  readonly #options: MirrorOptions;
  readonly #jobs = new Map<string, JobView>();
  readonly #abort = new AbortController();
  #running = false;
  #synced = false;

  constructor(api: Pick<JobsApi, "list" | "watch">, options: MirrorOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** True once a first list has come: before that, an absent Job means nothing. */
  get synced(): boolean {
    return this.#synced;
  }

  views(): Iterable<JobView> {
    return this.#jobs.values();
  }

  /** The Job with this name, if it's known. */
  view(name: string): JobView | undefined {
    return this.#jobs.get(name);
  }

  /** Takes in a Job that was just created, so that it counts before the watch tells of it. */
  add(job: StoredJob): void {
    // Without the watch nobody would ever take it out again.
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
      // Rejects when it is aborted, and then the loop ends.
      await setTimeout(Math.max(soonest - performance.now(), 0), undefined, { signal }).catch(() => undefined);
    }
  }

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
    // What was added while the list was on its way stays: the watch has the last word.
    for (const name of before) if (!seen.has(name)) this.#jobs.delete(name);
    this.#synced = true;
    // When it ends, there is a new list: that takes out what was added after its deletion had been told, and helps where the version
    // is too old (410 Gone).
    for await (const event of this.#api.watch(namespace, version, signal)) {
      if (event.type === "ERROR") return;
      if (event.type === "DELETED") this.#jobs.delete(event.object.metadata.name);
      else this.#put(event.object);
    }
  }

  #put(job: StoredJob): void {
    const before = this.#jobs.get(job.metadata.name);
    const view = toView(job, before);
    if (!view) return;
    this.#jobs.set(view.name, view);
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
