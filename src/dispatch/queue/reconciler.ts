/**
 * The loop behind the webhooks: lists what waits at Buildkite, compares it with the Jobs that are there, and brings what is missing.
 * Webhooks are hints (Buildkite promises no redelivery); this is what makes sure that none is lost, and it works alone, too.
 */
import { setTimeout } from "node:timers/promises";
import { isOver, type BuildkiteJob, type JobStanding } from "../buildkite/job.ts";
import type { DispatchMetrics } from "../dispatch-metrics.ts";
import type { JobMirror, JobView } from "../jobs/job-mirror.ts";
import type { JobsApi } from "../jobs/jobs-api.ts";
import { KubeUnreachableError } from "../../kubernetes/client.ts";
import { planAcquireMode } from "./plan-acquire-mode.ts";
import { planQueueMode } from "./plan-queue-mode.ts";
import { inOrder, type PlannedJob } from "./plan-reconcile.ts";
import type { BringOutcome, QueueDispatcher } from "./queue-dispatcher.ts";
import { describeError } from "../../process/errors.ts";
import { routeInQueue } from "./route.ts";
import { StacksError, type StacksApi } from "../buildkite/stacks-api.ts";
import type { Logger } from "../../process/log.ts";

export interface ReconcilerOptions {
  readonly dispatcher: QueueDispatcher;
  readonly stacks: StacksApi;
  readonly jobs: JobsApi;
  readonly mirror: JobMirror;
  readonly metrics: DispatchMetrics;
  readonly log: Logger;
  readonly now: () => number;
  readonly intervalMs: number;
  /** The least time between two passes, however often it is woken. */
  readonly gapMs?: number;
}

/** A creation's budget in a pass: what does not work out in that time is the next pass's. */
const BUDGET_MS = 5000;
/** How many Jobs are brought before the rest waits for the next look at the listing, which may have changed a lot by then. */
const AT_ONCE = 1000;
/** Added to the idle timeout before an agent that is still there is taken to have work. */
const IDLE_SLACK_MS = 10_000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #abort = new AbortController();
  readonly #extendedAt = new Map<string, number>();
  /** Jobs known to be over: nobody needs to ask again. */
  readonly #over = new Map<string, JobStanding>();
  #registered = false;
  #failures = 0;
  #leftOver = false;
  #woken: (() => void) | undefined;
  #wokenEarly = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Has the next pass come as soon as it may. */
  wake(): void {
    this.#wokenEarly = true;
    // After a failure the pause is kept: it grows, or Buildkite asked for it.
    if (this.#failures === 0) this.#woken?.();
  }

  /** A Job has finished. That matters where it may have left its Buildkite job behind, or makes room for one that waits. */
  onJobFinished(view: JobView): void {
    if (view.failed || this.#leftOver || this.#options.dispatcher.queue.mode === "acquire") this.wake();
  }

  /** Runs passes until {@link stop}; resolves when the last one has ended. Never rejects. */
  async run(): Promise<void> {
    const { dispatcher, metrics, log, now } = this.#options;
    const queue = dispatcher.queue.name;
    const stopped = (): boolean => this.#abort.signal.aborted;
    while (!stopped()) {
      let retryAfterMs: number | undefined;
      try {
        await this.pass();
        metrics.pass(queue, "done", now());
        if (this.#failures > 0) log.info({ queue }, "reconciling again");
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        if (error instanceof StacksError) {
          retryAfterMs = error.retryAfterMs;
          // Buildkite forgets stacks that were deregistered; saying the name again is harmless.
          if (error.code === 404) this.#registered = false;
        }
        metrics.pass(queue, "failed", now());
        log.warn({ queue, ...describeError(error), failures: this.#failures }, "a reconcile pass failed");
      }
      await this.#sleep(retryAfterMs);
    }
  }

  stop(): void {
    this.#abort.abort();
    this.#woken?.();
  }

  /** One pass. @throws where Buildkite or the API server does not answer; creations that fail are only left over. */
  async pass(): Promise<void> {
    const { dispatcher, stacks, mirror, now } = this.#options;
    if (!this.#registered) {
      await stacks.register();
      this.#registered = true;
    }
    const { buildkiteJobs, paused } = await stacks.listScheduled();
    if (paused !== dispatcher.paused)
      this.#options.log.info({ queue: dispatcher.queue.name }, paused ? "the queue is paused" : "the queue is resumed");
    dispatcher.paused = paused;
    if (!mirror.synced) {
      // Polling alone tells Buildkite that the queue is served; without a view of the Jobs nothing can be judged.
      this.#leftOver = true;
      return;
    }
    // In this order: a job that had no Job, or a finished one, before Buildkite was asked and still waits afterwards needs one.
    const views = dispatcher.views();
    const waiting = inOrder(buildkiteJobs);
    const standings = await this.#standingsOf(views, waiting);
    const { queue } = dispatcher;
    const input = { views, standings, now: now(), retryMs: queue.retrySeconds * 1000 };
    if (queue.mode === "queue") {
      const idleTimeoutMs = queue.idleTimeoutSeconds * 1000 + IDLE_SLACK_MS;
      const plan = planQueueMode({ ...input, waiting, idleTimeoutMs });
      await this.#bringAll(plan.create, plan.postponed);
      return;
    }
    const wanted = [...waiting, ...this.#notListed(waiting, views).filter(({ id }) => standings.has(id))];
    const plan = planAcquireMode({ ...input, wanted, maxAttempts: queue.maxAttempts });
    await this.#extend(plan.extend);
    await this.#remove(plan.remove);
    for (const one of plan.giveUp)
      await dispatcher.giveUp(
        one,
        `Curfew gave up: ${one.attempt} agents ended without taking this job. Look at the Pods of the Jobs buildkite-${one.buildkiteJob.id}*.`,
      );
    await this.#bringAll(plan.create, plan.postponed);
  }

  /** Jobs that may still be reserved for us, and so are not listed: by this process, or by one whose Job tells of it. */
  #notListed(waiting: readonly BuildkiteJob[], views: readonly JobView[]): BuildkiteJob[] {
    const ended = views.flatMap(({ phase, buildkiteJob }) => (phase === "finished" && buildkiteJob) || []);
    const known = new Map([...ended, ...this.#options.dispatcher.reserved.values()].map((one) => [one.id, one]));
    for (const { id } of waiting) known.delete(id);
    return [...known.values()];
  }

  async #standingsOf(views: readonly JobView[], waiting: readonly BuildkiteJob[]): Promise<Map<string, JobStanding>> {
    const { dispatcher, stacks } = this.#options;
    const named = new Set(views.map((view) => view.buildkiteJobId));
    for (const id of this.#over.keys()) if (!named.has(id)) this.#over.delete(id);
    const asked = new Set([...named, ...dispatcher.reserved.keys()].filter((id) => !this.#over.has(id)));
    for (const { id } of waiting) if (named.has(id)) asked.add(id);
    const standings = await stacks.standings([...asked]);
    for (const [id, standing] of standings) {
      if (standing === "held" || isOver(standing)) dispatcher.reserved.delete(id);
      if (isOver(standing)) this.#over.set(id, standing);
    }
    // Unfinished Jobs of jobs that are over are asked about once; what is known since is as good as an answer.
    for (const [id, standing] of this.#over) standings.set(id, standing);
    return standings;
  }

  /** Brings what is planned, in its order, as far as there is room and the queue is not paused. */
  async #bringAll(planned: readonly PlannedJob[], postponed: number): Promise<void> {
    const { dispatcher } = this.#options;
    const routed = planned.flatMap(({ buildkiteJob, attempt }) => {
      const route = routeInQueue(dispatcher.queue, buildkiteJob);
      return route.kind === "queue" ? [{ buildkiteJob, attempt, template: route.template }] : [];
    });
    const now = dispatcher.paused ? [] : routed.slice(0, Math.max(0, Math.min(AT_ONCE, dispatcher.room())));
    const outcomes = await Promise.all(now.map((one) => dispatcher.bring(one, "reconcile", BUDGET_MS)));
    const unavailable = outcomes.filter(({ kind }: BringOutcome) => kind === "unavailable").length;
    this.#leftOver = postponed > 0 || now.length < routed.length;
    if (unavailable > 0) throw new Error(`${unavailable} of ${now.length} Jobs could not be created`);
  }

  /** Long before they run out, so that a pass that fails costs nothing. */
  async #extend(ids: readonly string[]): Promise<void> {
    const { dispatcher, stacks, now } = this.#options;
    const { reservationSeconds } = dispatcher.queue;
    const asked = now(); // and no later: Buildkite may count from when it was asked
    const due = ids.filter((id) => asked - (this.#extendedAt.get(id) ?? 0) > (reservationSeconds * 1000) / 3);
    if (due.length > 0) await stacks.reserve(due, reservationSeconds);
    const kept = new Set(ids);
    for (const id of this.#extendedAt.keys()) if (!kept.has(id)) this.#extendedAt.delete(id);
    for (const id of due) this.#extendedAt.set(id, asked);
  }

  async #remove(views: readonly JobView[]): Promise<void> {
    const { dispatcher, jobs, metrics, log } = this.#options;
    for (const { name, uid, buildkiteJobId } of views) {
      const about = { buildkiteJob: buildkiteJobId, job: name, queue: dispatcher.queue.name };
      try {
        if (!(await jobs.delete(dispatcher.queue.namespace, name, uid))) continue;
        metrics.deleted(dispatcher.queue.name);
        log.info(about, "deleted the Job: its job was over before an agent started");
      } catch (error) {
        if (error instanceof KubeUnreachableError) throw error;
        // One that may not be deleted keeps no other from its Job.
        log.warn({ ...about, ...describeError(error) }, "cannot delete the Job, whose job is over");
      }
    }
  }

  async #sleep(retryAfterMs: number | undefined): Promise<void> {
    const { intervalMs, gapMs = 1000 } = this.#options;
    const { signal } = this.#abort;
    await setTimeout(gapMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    // Sooner after a failure, then less and less; never in step with other replicas.
    const usual = this.#failures > 0 ? Math.min(gapMs * 2 ** (this.#failures - 1), intervalMs) : intervalMs;
    const pause = retryAfterMs ?? usual * (0.8 + Math.random() * 0.4);
    if (this.#failures === 0 && this.#wokenEarly) {
      this.#wokenEarly = false;
      return;
    }
    const woken = new Promise<void>((resolve) => (this.#woken = resolve));
    const timer = new AbortController();
    await Promise.race([
      woken,
      setTimeout(Math.max(0, pause - gapMs), undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    this.#woken = undefined;
    this.#wokenEarly = false;
  }
}
