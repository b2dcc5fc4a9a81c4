/**
 * Buildkite in a bad week: webhooks get lost, come twice, or come late. For the dispatcher's tests
 * with the fake API server and with a real one.
 */
import { setTimeout } from "node:timers/promises";
import type { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";

export interface BadWeekOptions {
  readonly jobs: number;
  readonly random: () => number;
  /** The longest time between two jobs. */
  readonly gapMs: number;
  /** How late a late webhook comes. One that comes twice comes again within half of `least`. */
  readonly lateMs: readonly [least: number, most: number];
  /**
   * Sends a job's webhook once. Buildkite doesn't send it again, so a webhook that fails is lost.
   */
  readonly send: (job: FakeJob) => Promise<unknown>;
}

export interface Webhooks {
  /** Jobs whose webhook wasn't sent in time. */
  lost: number;
  twice: number;
  late: number;
  /** Webhooks that were sent, but not answered with success. */
  failed: number;
}

export interface BadWeek {
  readonly webhooks: Webhooks;
  /** Resolves once the last late webhook is answered. */
  readonly over: Promise<unknown>;
}

/** Schedules the jobs, one after the other. Resolves when the last one is scheduled. */
export async function scheduleInBadWeek(fake: FakeBuildkite, options: BadWeekOptions): Promise<BadWeek> {
  const { random, gapMs, lateMs } = options;
  const webhooks: Webhooks = { lost: 0, twice: 0, late: 0, failed: 0 };
  const sent: Promise<unknown>[] = [];
  const send = (job: FakeJob, afterMs = 0): void => {
    const sending = setTimeout(afterMs).then(() => options.send({ ...job, state: "scheduled" }));
    sent.push(sending.catch(() => webhooks.failed++));
  };
  for (let index = 0; index < options.jobs; index++) {
    const job = fake.schedule({ priority: index % 3 });
    const fate = random();
    if (fate > 1 / 3) send(job);
    else webhooks.lost++;
    if (fate > 2 / 3) {
      send(job, (random() * lateMs[0]) / 2);
      webhooks.twice++;
    }
    if (random() < 0.1) {
      send(job, lateMs[0] + random() * (lateMs[1] - lateMs[0]));
      webhooks.late++;
    }
    await setTimeout(random() * gapMs);
  }
  return { webhooks, over: Promise.all(sent) };
}
