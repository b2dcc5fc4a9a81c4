/** What to do with each delivery of the webhook, and how to answer it. Knows nothing of HTTP but status codes. */
import { isOver } from "../buildkite/job.ts";
import type { DispatchConfig } from "../config/dispatch-config.ts";
import type { DeliveryOutcome, DispatchMetrics } from "../dispatch-metrics.ts";
import type { WebhookEvent } from "../buildkite/event.ts";
import type { QueueDispatcher } from "../queue/queue-dispatcher.ts";
import { routeDelivery } from "../queue/route.ts";

/** `reason` is from a closed set: it is logged, counted, and sent to Buildkite, who shows it with the delivery. */
export interface DeliveryAnswer {
  readonly status: number;
  readonly outcome: DeliveryOutcome;
  readonly reason?: string;
}

/** A queue's dispatcher, and how to have its reconcile loop look sooner (nothing, without the Stacks API). */
export interface ServedQueue {
  readonly dispatcher: QueueDispatcher;
  readonly wake: () => void;
}

export interface DeliveriesOptions {
  readonly config: DispatchConfig;
  readonly queues: ReadonlyMap<string, ServedQueue>;
  readonly metrics: DispatchMetrics;
  readonly now: () => number;
}

/** How many jobs that are over are remembered, for a `job.scheduled` that comes after its `job.finished`. */
const REMEMBERED = 10_000;

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #over = new Set<string>();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  async handle(event: WebhookEvent): Promise<DeliveryAnswer> {
    const answer = await this.#decide(event);
    this.#options.metrics.delivery(answer.outcome, answer.reason);
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
        for (const { dispatcher, wake } of this.#options.queues.values()) {
          const early = (view: { buildkiteJobId: string; phase: string }): boolean =>
            view.buildkiteJobId === event.id && view.phase === "pending";
          if (dispatcher.queue.mode === "acquire" && dispatcher.views().some(early)) wake();
        }
        return ignored("over");
      case "scheduled":
        return await this.#bring(event);
    }
  }

  /** A Job for a scheduled job. 2xx once it exists, or the reconcile loop is known to come back to it; else Buildkite sees a failure. */
  async #bring({ buildkiteJob, origin }: Extract<WebhookEvent, { kind: "scheduled" }>): Promise<DeliveryAnswer> {
    const { config, queues, metrics, now } = this.#options;
    if (this.#over.has(buildkiteJob.id)) return ignored("over");
    const route = routeDelivery(config, buildkiteJob, origin);
    if (route.kind === "elsewhere") return ignored(route.reason);
    const served = queues.get(route.queue.name);
    if (!served) throw new Error(`no dispatcher for the queue ${route.queue.name}`);
    const { dispatcher, wake } = served;

    const budgetMs = config.requestBudgetSeconds * 1000;
    const deadline = performance.now() + budgetMs;
    const age = buildkiteJob.waitingSince === undefined ? 0 : (now() - buildkiteJob.waitingSince) / 1000;
    metrics.age(age);
    if (dispatcher.paused) return { status: 200, outcome: "deferred", reason: "paused" };
    if (dispatcher.room() <= 0) {
      wake();
      return { status: 200, outcome: "deferred", reason: "at-capacity" };
    }
    // Late deliveries were seen for jobs long done. In acquire mode the reservation tells; here nothing else would.
    if (dispatcher.queue.mode === "queue" && age > config.lateAfterSeconds) {
      const standing = await dispatcher.standing(buildkiteJob.id, budgetMs / 2);
      if (standing === "held" || isOver(standing)) return ignored("over");
    }
    const wanted = { buildkiteJob, template: route.template, attempt: 1 };
    const { kind } = await dispatcher.bring(wanted, "webhook", deadline - performance.now());
    switch (kind) {
      case "created":
        return { status: 200, outcome: "created" };
      case "exists":
        return { status: 200, outcome: "duplicate" };
      case "not-reserved":
        return ignored("not-reserved");
      case "refused":
      case "forbidden":
        return { status: 500, outcome: "refused", reason: kind };
      case "unavailable":
        wake();
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

function ignored(reason: string): DeliveryAnswer {
  return { status: 200, outcome: "ignored", reason };
}
