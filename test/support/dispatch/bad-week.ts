/** What Buildkite does in a bad week, for the dispatcher's tests on both API servers: webhooks that are lost, come twice, or late. */
import { setTimeout } from "node:timers/promises";
import type { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";

export interface BadWeekOptions {
  readonly jobs: number;
  readonly random: () => number;
  /** The most time between two jobs. */
  readonly gapMs: number;
  /** How late a webhook comes that is late; one that comes twice comes within half of the lesser. */
  readonly lateMs: readonly [least: number, most: number];
  /** Sends a job's webhook once. Buildkite does not send it again: what fails here is lost. */
  readonly send: (job: FakeJob) => Promise<unknown>;
}

export interface Webhooks {
  /** Jobs whose webhook was not sent in time. */
  lost: number;
  twice: number;
  late: number;
  /** Sent, and not answered with success. */
  failed: number;
}

export interface BadWeek {
  readonly webhooks: Webhooks;
  /** Resolves once the last late webhook is answered. */
  readonly over: Promise<unknown>;
}

/** Schedules the jobs, one after the other; resolves when the last one is. */
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
