/**
 * What to do with each delivery of the webhook, and how to answer it. Of HTTP it knows only status
 * codes.
 */
import type { WebhookEvent } from "../buildkite/event.ts";
import { isTaken } from "../buildkite/job.ts";
import type { LimitedLog } from "../../process/log-limiter.ts";
import type { DispatchConfig } from "../config/dispatch-config.ts";
import { routeDelivery } from "../queue/route.ts";
import type { ServedQueue } from "../queue/served-queue.ts";
import { logUnservedTags } from "../queue/unserved-tags.ts";
import type { DeliveryMetrics, DeliveryOutcome, ReadReason } from "./metrics.ts";

/** `reason` is counted, and sent to Buildkite, which shows it with the delivery. */
export interface DeliveryAnswer {
  readonly status: number;
  readonly outcome: DeliveryOutcome;
  readonly reason?: ReadReason;
}

export interface DeliveriesOptions {
  readonly config: DispatchConfig;
  /** By name. */
  readonly queues: ReadonlyMap<string, ServedQueue>;
  readonly metrics: DeliveryMetrics;
  readonly limited: LimitedLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type Scheduled = Extract<WebhookEvent, { kind: "scheduled" }>;

/**
 * How many jobs to remember that are over, in case a `job.scheduled` comes after its
 * `job.finished`.
 */
const REMEMBERED = 10_000;

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #over = new Set<string>();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Acts on an event, and says how to answer its delivery. @throws only for a bug. */
  async handle(event: WebhookEvent): Promise<DeliveryAnswer> {
    const answer = await this.#decide(event);
    this.#options.metrics.answered(answer.outcome, answer.reason);
    return answer;
  }

  async #decide(event: WebhookEvent): Promise<DeliveryAnswer> {
    switch (event.kind) {
      case "ping":
        return ignored("ping");
      case "ignored":
        return ignored(event.reason);
      case "malformed":
        return { status: 400, outcome: "rejected", reason: "malformed" };
      case "over":
        this.#remember(event.id);
        for (const { config, state, wake } of this.#options.queues.values())
          if (config.mode === "acquire" && state.hasPendingJob(event.id)) wake();
        return ignored("over");
      case "scheduled":
        return await this.#schedule(event);
    }
  }

  /**
   * Creates a Job for a scheduled job. Answers 2xx once the Job exists, or if the reconcile loop is
   * sure to come back to it. Otherwise Buildkite sees a failure.
   */
  async #schedule({ buildkiteJob, origin }: Scheduled): Promise<DeliveryAnswer> {
    const { config, queues, metrics, limited, now } = this.#options;
    if (this.#over.has(buildkiteJob.id)) return ignored("over");
    const route = routeDelivery(config, buildkiteJob, origin);
    if (route.kind === "elsewhere") {
      if (route.reason === "unserved-tags") logUnservedTags(limited, route);
      return ignored(route.reason);
    }
    const queue = queues.get(route.queue.name);
    if (!queue) throw new Error(`the queue ${route.queue.name} is configured, but not served`);

    const budgetMs = config.requestBudgetSeconds * 1000;
    const deadline = performance.now() + budgetMs;
    const age = buildkiteJob.waitingSince === undefined ? 0 : (now() - buildkiteJob.waitingSince) / 1000;
    metrics.age(age);
    if (queue.state.paused) return { status: 200, outcome: "deferred", reason: "paused" };
    // Saves the question below. The place itself is taken by `ensure`.
    if (queue.state.room() <= 0) return atCapacity(queue);
    // Late deliveries have been seen for jobs that ended long before. In acquire mode the
    // reservation shows that. In queue mode nothing else does.
    if (queue.config.mode === "queue" && age > config.lateAfterSeconds) {
      const standing = await queue.standingHint(buildkiteJob.id, budgetMs / 2);
      if (isTaken(standing)) return ignored("over");
    }
    const wanted = { buildkiteJob, template: route.template, attempt: 1 };
    const outcome = await queue.ensure(wanted, deadline - performance.now());
    switch (outcome) {
      case "created":
        return { status: 200, outcome: "created" };
      case "exists":
        return { status: 200, outcome: "duplicate" };
      case "not-reserved":
        return ignored("not-reserved");
      case "at-capacity":
        return atCapacity(queue);
      case "refused":
      case "forbidden":
      case "name-taken":
        return { status: 500, outcome: "refused", reason: outcome };
      case "unavailable":
        queue.wake();
        return { status: 503, outcome: "unavailable" };
    }
  }

  #remember(id: string): void {
    this.#over.add(id);
    if (this.#over.size <= REMEMBERED) return;
    const [oldest] = this.#over;
    if (oldest !== undefined) this.#over.delete(oldest);
  }
}

function atCapacity(queue: ServedQueue): DeliveryAnswer {
  queue.wake();
  return { status: 200, outcome: "deferred", reason: "at-capacity" };
}

function ignored(reason: ReadReason): DeliveryAnswer {
  return { status: 200, outcome: "ignored", reason };
}
