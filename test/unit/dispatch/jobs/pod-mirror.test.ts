import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { PodMirror, type StoredPod } from "../../../../src/dispatch/jobs/pod-mirror.ts";
import { WarningMirror, type StoredEvent } from "../../../../src/dispatch/jobs/warnings.ts";
import type { Follower, KubeObject, ListWatch, WatchEvent } from "../../../../src/kubernetes/list-watch.ts";

/** A collection that reports these changes, then nothing. */
function reporting<T>(...changes: readonly WatchEvent<T>[]): ListWatch<T> {
  async function* events(): AsyncGenerator<WatchEvent<T>> {
    yield* changes;
    await sleep(600_000, undefined, { ref: false });
  }
  return { list: () => Promise.resolve("1"), watch: () => Promise.resolve(events()) };
}

async function follow(mirror: Follower<KubeObject> | Follower<StoredPod> | Follower<StoredEvent>): Promise<void> {
  void mirror.run();
  onTestFinished(() => {
    mirror.stop();
  });
  await mirror.untilSynced(5000);
}

type Status = NonNullable<StoredPod["status"]>;
const changed = (name: string, status: Status, created = 0): WatchEvent<StoredPod> => ({
  type: "MODIFIED",
  object: {
    metadata: {
      name,
      uid: name,
      creationTimestamp: new Date(created).toISOString(),
      labels: { "batch.kubernetes.io/job-name": "buildkite-a" },
    },
    status,
  },
});
const waits = (reason: string, message = ""): Status => ({
  containerStatuses: [
    { name: "dind", state: { running: {} } },
    { name: "agent", image: "x:1", state: { waiting: { reason, message } } },
  ],
});

test("counts the pulls that fail, and remembers why they do", async () => {
  const trouble: string[] = [];
  const mirror = new PodMirror(
    reporting(
      changed("p", waits("ContainerCreating")),
      changed("p", waits("ErrImagePull", "not found")),
      changed("p", waits("ErrImagePull", "not found")),
      changed("p", waits("ImagePullBackOff", 'Back-off pulling image "x:1"')),
      changed("p", waits("ErrImagePull", "not found")),
      changed("p", waits("ImagePullBackOff", 'Back-off pulling image "x:1"')),
    ),
    { onTrouble: (job) => void trouble.push(job), onError: () => undefined },
  );
  await follow(mirror);
  await expect
    .poll(() => mirror.viewOf("buildkite-a")?.waiting)
    .toEqual([{ container: "agent", image: "x:1", reason: "ImagePullBackOff", message: "not found", failedPulls: 2 }]);
  expect(mirror.viewOf("buildkite-a")?.started).toEqual(["dind"]);
  expect(new Set(trouble)).toEqual(new Set(["buildkite-a"]));
});

test("has the latest Pod of a Job, for as long as it's there", async () => {
  const gone = changed("second", {}, 2000) as Extract<WatchEvent<StoredPod>, { object: StoredPod }>;
  const mirror = new PodMirror(
    reporting(changed("second", {}, 2000), changed("first", {}, 1000), { type: "DELETED", object: gone.object }),
    { onTrouble: () => undefined, onError: () => undefined },
  );
  await follow(mirror);
  await expect.poll(() => mirror.viewOf("buildkite-a")).toBeUndefined();
});

test("knows when no node takes a Pod, and when one does", async () => {
  const condition = (status: string): Status => ({
    conditions: [{ type: "PodScheduled", status, reason: "Unschedulable", message: "0/3 nodes" }],
  });
  const mirrorOf = (...changes: WatchEvent<StoredPod>[]) =>
    new PodMirror(reporting(...changes), { onTrouble: () => undefined, onError: () => undefined });
  const [no, yes] = [
    mirrorOf(changed("p", condition("False"))),
    mirrorOf(changed("p", condition("False")), changed("p", condition("True"))),
  ];
  await follow(no);
  await follow(yes);
  await expect.poll(() => no.viewOf("buildkite-a")?.unschedulable).toBe("0/3 nodes");
  await expect.poll(() => yes.viewOf("buildkite-a")?.unschedulable).toBeUndefined();
});

test("a Pod with scheduling gates isn't unschedulable: the scheduler hasn't been asked", async () => {
  const conditions = [{ type: "PodScheduled", status: "False", reason: "SchedulingGated", message: "gates" }];
  const mirror = new PodMirror(reporting(changed("p", { conditions })), {
    onTrouble: () => undefined,
    onError: () => undefined,
  });
  await follow(mirror);
  await expect.poll(() => mirror.viewOf("buildkite-a")).toMatchObject({ isGated: true });
  expect(mirror.viewOf("buildkite-a")?.unschedulable).toBeUndefined();
});

test("keeps warnings about agent Jobs and their Pods, and no others", async () => {
  const event = (name: string, about: string, count: number): StoredEvent => ({
    metadata: { name, uid: name, creationTimestamp: "" },
    involvedObject: { kind: "Job", name: about, uid: about },
    reason: "FailedCreate",
    message: "no",
    count,
  });
  const mirror = new WarningMirror(
    reporting<StoredEvent>(
      { type: "ADDED", object: event("e1", "buildkite-a", 1) },
      { type: "MODIFIED", object: event("e1", "buildkite-a", 3) },
      { type: "ADDED", object: event("e2", "other", 1) },
      { type: "ADDED", object: event("e3", "buildkite-b", 1) },
      { type: "DELETED", object: event("e3", "buildkite-b", 1) },
    ),
    { onError: () => undefined },
  );
  await follow(mirror);
  await expect.poll(() => mirror.about("buildkite-a")).toEqual([{ reason: "FailedCreate", message: "no", count: 3 }]);
  expect(mirror.about("other")).toEqual([]);
  await expect.poll(() => mirror.about("buildkite-b")).toEqual([]);
});
