import { expect, test } from "vitest";
import { JobMirror } from "../../../../src/dispatch/jobs/job-mirror.ts";
import type { StoredJob } from "../../../../src/dispatch/jobs/stored-job.ts";
import { createQueueMetrics } from "../../../../src/dispatch/queue/metrics.ts";
import { QueueState } from "../../../../src/dispatch/queue/queue-state.ts";
import { KubeRefusedError, type ListWatch } from "../../../../src/kubernetes/list-watch.ts";
import { createLogger } from "../../../../src/process/log.ts";
import { limitLog } from "../../../../src/process/log-limiter.ts";
import { createRegistry } from "../../../../src/process/metrics.ts";
import { testConfig } from "../../../support/dispatch/config.ts";

/** A mirror whose age is set, instead of waited for. */
class OldMirror extends JobMirror {
  age = 0;

  override get staleMs(): number {
    return this.age;
  }
}

test("nothing is planned with Jobs that haven't been seen for minutes, and the reason is said", async () => {
  let lists = 0;
  const refused = new KubeRefusedError("cannot list Jobs in buildkite", 403, "no Role");
  const source: ListWatch<StoredJob> = {
    list: () => (++lists > 1 ? Promise.reject(refused) : Promise.resolve("1")),
    watch: () => Promise.reject(refused),
  };
  const mirror = new OldMirror(source, { onFinished: () => undefined, onError: () => undefined, retryMs: 1 });
  const running = mirror.run();
  const [queue] = testConfig().queues;
  if (!queue) throw new Error("no queue");
  const log = createLogger("dispatch", "error", { write: () => undefined });
  const metrics = createQueueMetrics(createRegistry(), [queue.name], Date.now)(queue.name);
  const state = new QueueState({ queue, log, limited: limitLog(log), metrics, now: Date.now }, mirror);
  await expect.poll(() => mirror.refusal).toBeDefined();
  await state.untilKnown(100);
  mirror.age = 151_000;
  await expect(state.untilKnown(100)).rejects.toThrow(
    "nothing can be planned: cannot list Jobs in buildkite: 403 no Role",
  );
  mirror.stop();
  await running;
});
