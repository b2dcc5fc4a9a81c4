import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { JobMirror } from "../../../../src/dispatch/jobs/job-mirror.ts";
import type { ListWatch, WatchEvent } from "../../../../src/kubernetes/list-watch.ts";
import type { StoredJob } from "../../../../src/dispatch/jobs/stored-job.ts";
import { JOB_LABEL } from "../../../../src/dispatch/jobs/plan-agent-job.ts";

const job: StoredJob = {
  metadata: { name: "a", uid: "1", creationTimestamp: "2026-01-01T00:00:00Z", labels: { [JOB_LABEL]: "b" } },
};

type Api = ListWatch<StoredJob>;
type Event = WatchEvent<StoredJob>;

/** Lists that are always empty, each followed by a watch that gives these events and ends. */
class EndingWatches implements Api {
  lists = 0;
  readonly #events: readonly Event[];

  constructor(...events: readonly Event[]) {
    this.#events = events;
  }

  list(): Promise<string> {
    return Promise.resolve(String(this.lists++));
  }

  watch(): Promise<AsyncIterable<Event>> {
    return Promise.resolve(this.#watch());
  }

  async *#watch(): AsyncGenerator<Event> {
    await sleep(5);
    yield* this.#events;
  }
}

const mirrorOf = (api: Api, retryMs: number): JobMirror =>
  new JobMirror(api, { onFinished: () => undefined, onError: () => undefined, retryMs });

test("a Job is forgotten when the watch ends, even if it was deleted before its creation was answered", async () => {
  const mirror = mirrorOf(new EndingWatches({ type: "ADDED", object: job }, { type: "DELETED", object: job }), 40);
  const run = mirror.run();
  await sleep(20);
  mirror.add(job);
  expect([...mirror.views()]).toHaveLength(1);
  await expect.poll(() => [...mirror.views()]).toEqual([]);
  mirror.stop();
  await run;
});

test("watches that end at once aren't restarted without a pause", async () => {
  const api = new EndingWatches();
  const mirror = mirrorOf(api, 200);
  const run = mirror.run();
  await sleep(300);
  mirror.stop();
  await run;
  expect(api.lists).toBeGreaterThan(1);
  expect(api.lists).toBeLessThan(6);
});

test("finds the Jobs for one Buildkite job, for as long as they're there", async () => {
  const second: StoredJob = { metadata: { ...job.metadata, name: "a-2", uid: "2" } };
  const other: StoredJob = { metadata: { ...job.metadata, name: "c", uid: "3", labels: { [JOB_LABEL]: "d" } } };
  const added = [job, second, other].map((object) => ({ type: "ADDED", object }) as const);
  const mirror = mirrorOf(new EndingWatches(...added, { type: "DELETED", object: job }), 600_000);
  const run = mirror.run();
  await expect.poll(() => mirror.viewsOf("b").map(({ name }) => name)).toEqual(["a-2"]);
  expect(mirror.viewsOf("d").map(({ name }) => name)).toEqual(["c"]);
  expect(mirror.viewsOf("e")).toEqual([]);
  mirror.stop();
  await run;
});

test("tells when the watch has reported a Job, not merely when it was added", async () => {
  const opened = Promise.withResolvers<undefined>();
  async function* events(): AsyncGenerator<Event> {
    await opened.promise;
    yield { type: "ADDED", object: job };
    await sleep(600_000, undefined, { ref: false });
  }
  const mirror = mirrorOf({ list: () => Promise.resolve("1"), watch: () => Promise.resolve(events()) }, 600_000);
  const run = mirror.run();
  await mirror.untilSynced(5000);
  mirror.add(job);
  expect(await mirror.untilReported("a", 1)).toBe(false);
  const reported = mirror.untilReported("a", 5000);
  opened.resolve(undefined);
  expect(await reported).toBe(true);
  expect(await mirror.untilReported("a", 0)).toBe(true);
  mirror.stop();
  void run;
});
