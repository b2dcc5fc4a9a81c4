/** Pods that don't start: what their builds are told, and when the dispatcher gives up. */
import { describe, expect, test } from "vitest";
import type { ApiServer, JobObject } from "../../../sim/api-server/api-server.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";
import {
  stacksOf,
  testApiServer,
  testBuildkite,
  testConfig,
  testDispatcher,
} from "../../support/dispatch/dispatcher.ts";

const MODES = ["queue", "acquire"] as const;
const NOT_FOUND = 'failed to pull and unpack image "registry.example.org/agent:typo": not found';

/** Gives each new Job a Pod in this state, as the Job controller and kubelet would. */
function playKubelet(api: ApiServer, status: () => Readonly<Record<string, unknown>>): () => void {
  const put = ({ metadata }: JobObject): void => {
    const { name = "", namespace = "", uid = "", labels = {} } = metadata;
    const ownerReferences = [{ kind: "Job", name, uid }];
    const podLabels = { ...labels, "batch.kubernetes.io/job-name": name };
    api.putPod({ metadata: { name: `${name}-x`, namespace, labels: podLabels, ownerReferences }, status: status() });
  };
  api.onCreate = put;
  return () => {
    for (const job of api.jobs()) put(job);
  };
}

const waits = (reason: string, message: string): Readonly<Record<string, unknown>> => ({
  containerStatuses: [
    { name: "agent", image: "registry.example.org/agent:typo", state: { waiting: { reason, message } } },
  ],
});

describe.each(MODES)("in %s mode", (mode) => {
  test("the build's page says at once that an image doesn't exist, and its job fails after the third failure", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    let status = waits("ErrImagePull", NOT_FOUND);
    const update = playKubelet(api, () => status);
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    const job = fake.schedule();
    await expect.poll(() => job.notifications).toHaveLength(1);
    expect(job.notifications[0]?.detail).toContain(
      'Container "agent" (image "registry.example.org/agent:typo") can\'t start: its image can\'t be pulled.',
    );
    for (const reason of ["ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"]) {
      status = waits(reason, NOT_FOUND);
      update();
      const passes = await dispatcher.metric("curfew_dispatch_reconcile_passes_total");
      await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 1);
      expect(job.state).not.toBe("finished");
    }
    expect(await dispatcher.metric("curfew_dispatch_stuck_jobs", { cause: "image-pull" })).toBe(1);
    status = waits("ErrImagePull", NOT_FOUND);
    update();
    await expect.poll(() => job.state).toBe("finished");
    expect(job).toMatchObject({ exitStatus: -1, runs: 0 });
    expect(job.detail).toContain("Curfew gave up on this job. Container");
    expect(job.detail).toContain(NOT_FOUND);
    await expect.poll(() => api.jobs()).toEqual([]);
    expect(job.notifications).toHaveLength(1);
    expect(await dispatcher.metric("curfew_dispatch_given_up_total", { cause: "image-pull" })).toBe(1);
    expect(api.timesCreated(`buildkite-${job.id}`)).toBe(1);
  });

  test("the build's page says after a while that the cluster is full, and its job fails after pendingTimeoutSeconds", async () => {
    let later = 0;
    const now = (): number => Date.now() + later;
    const [api, fake] = [await testApiServer(), await testBuildkite(now)];
    const message = "0/3 nodes are available: 3 Insufficient cpu.";
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
    playKubelet(api, () => ({ conditions }));
    const config = testConfig({ mode, pendingTimeoutSeconds: 300 }, stacksOf(fake, 0.05));
    const dispatcher = await testDispatcher(api, config, now);
    const job = fake.schedule();
    await expect.poll(() => dispatcher.metric("curfew_dispatch_stuck_jobs", { cause: "unschedulable" })).toBe(1);
    expect(job.notifications).toEqual([]);
    later += 15_000;
    await expect.poll(() => job.notifications).toHaveLength(1);
    expect(job.notifications[0]?.detail).toContain(message);
    later += 225_000;
    const passes = await dispatcher.metric("curfew_dispatch_reconcile_passes_total");
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 2);
    expect(job.state).not.toBe("finished");
    later += 65_000;
    await expect.poll(() => job.state).toBe("finished");
    expect(job.detail).toContain(message);
    await expect.poll(() => api.jobs()).toEqual([]);
  });

  test("the build's page says that a quota is used up, but its job never fails because of it", async () => {
    let later = 0;
    const now = (): number => Date.now() + later;
    const [api, fake] = [await testApiServer(), await testBuildkite(now)];
    const message = 'pods "x" is forbidden: exceeded quota: builds, requested: pods=1, used: pods=9, limited: pods=9';
    api.onCreate = ({ metadata: { name = "", namespace = "", uid = "" } }) => {
      const involvedObject = { kind: "Job", name, uid };
      const event = { type: "Warning", reason: "FailedCreate", message, count: 12, involvedObject };
      api.putEvent({ metadata: { name: `${name}.1`, namespace }, ...event });
    };
    const config = testConfig({ mode, pendingTimeoutSeconds: 60 }, stacksOf(fake, 0.05));
    const dispatcher = await testDispatcher(api, config, now);
    const job = fake.schedule();
    await expect.poll(() => dispatcher.metric("curfew_dispatch_stuck_jobs", { cause: "quota" })).toBe(1);
    later += 15_000;
    await expect.poll(() => job.notifications).toHaveLength(1);
    expect(job.notifications[0]?.detail).toContain("ResourceQuota is used up");
    for (let hour = 0; hour < 5; hour++) {
      later += 60_000;
      const passes = await dispatcher.metric("curfew_dispatch_reconcile_passes_total");
      await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 1);
    }
    expect(job.state).not.toBe("finished");
    expect(api.jobs()).toHaveLength(1);
  });

  test("if the API server refuses a Pod three times, the build's job fails with its words", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    const message = 'pods "x" is forbidden: no PriorityClass with name ci-urgent was found';
    api.onCreate = ({ metadata: { name = "", namespace = "", uid = "" } }) => {
      const involvedObject = { kind: "Job", name, uid };
      const event = { type: "Warning", reason: "FailedCreate", message, count: 3, involvedObject };
      api.putEvent({ metadata: { name: `${name}.1`, namespace }, ...event });
    };
    await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    const job = fake.schedule();
    await expect.poll(() => job.state).toBe("finished");
    expect(job.detail).toContain(message);
  });

  test("only the replica that made a build's Job tells the build", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    playKubelet(api, () => waits("ErrImagePull", NOT_FOUND));
    const config = testConfig({ mode }, stacksOf(fake));
    const replicas = [await testDispatcher(api, config), await testDispatcher(api, config)];
    for (const { metric } of replicas)
      await expect.poll(() => metric("curfew_dispatch_reconcile_passes_total", { outcome: "done" })).toBeGreaterThan(0);
    const job = fake.schedule();
    for (const { metric } of replicas)
      await expect.poll(() => metric("curfew_dispatch_stuck_jobs", { cause: "image-pull" })).toBe(1);
    await expect.poll(() => job.notifications).toHaveLength(1);
    for (const { metric } of replicas) {
      const passes = await metric("curfew_dispatch_reconcile_passes_total");
      await expect.poll(() => metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 2);
    }
    expect(job.notifications).toHaveLength(1);
  });

  test("a build that couldn't be told is told later", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    playKubelet(api, () => waits("ErrImagePull", NOT_FOUND));
    let refused = 0;
    fake.fault = (call) => (call === "POST /notifications" && ++refused <= 2 ? { status: 503 } : undefined);
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake, 0.05)));
    const job = fake.schedule();
    await expect.poll(() => job.notifications).toHaveLength(1);
    expect(refused).toBe(3);
    const passes = await dispatcher.metric("curfew_dispatch_reconcile_passes_total");
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 2);
    expect(job.notifications).toHaveLength(1);
  });

  test("a job whose agent has ended without it gets another one, even if the rest of the Pod hangs", async () => {
    let later = 0;
    const now = (): number => Date.now() + later;
    const [api, fake] = [await testApiServer(), await testBuildkite(now)];
    playKubelet(api, () => ({
      containerStatuses: [
        { name: "agent", state: { terminated: { exitCode: 1, reason: "Error" } } },
        { name: "dind", state: { running: {} } },
      ],
    }));
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake, 0.05)), now);
    const job = fake.schedule();
    await expect.poll(() => api.timesCreated(`buildkite-${job.id}`)).toBe(1);
    await expect.poll(() => dispatcher.metric("curfew_dispatch_jobs_total", { outcome: "created" })).toBe(1);
    later += 10_000;
    await expect.poll(() => api.timesCreated(`buildkite-${job.id}-2`)).toBe(1);
  });

  test("a Job whose agent starts while its Buildkite job is being finished isn't deleted", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    let status = waits("InvalidImageName", "couldn't parse image name");
    const update = playKubelet(api, () => status);
    let refused = 0;
    fake.fault = (call) => (call.endsWith("/finish") && ++refused <= 2 ? { status: 503 } : undefined);
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake, 0.05)));
    const job = fake.schedule();
    await expect.poll(() => refused).toBeGreaterThan(0);
    status = { containerStatuses: [{ name: "agent", state: { running: {} } }] };
    update();
    await expect.poll(() => job.state).toBe("finished");
    const passes = await dispatcher.metric("curfew_dispatch_reconcile_passes_total");
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 2);
    expect(api.jobs()).toHaveLength(1);
  });

  test("a clock that's 20 minutes ahead ends no build's job, as its Pod isn't late", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    playKubelet(api, () => waits("ContainerCreating", ""));
    const ahead = (): number => Date.now() + 1_200_000;
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake, 0.05)), ahead);
    const job = fake.schedule();
    await expect.poll(() => api.jobs()).toHaveLength(1);
    const passes = await dispatcher.metric("curfew_dispatch_reconcile_passes_total");
    await expect.poll(() => dispatcher.metric("curfew_dispatch_reconcile_passes_total")).toBeGreaterThan(passes + 2);
    expect(job.state).not.toBe("finished");
    expect(job.notifications).toEqual([]);
  });

  test("if it isn't allowed to read Pods, it still creates Jobs, and the log says what's missing", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    api.fault = ({ resource }) =>
      resource === "pods" || resource === "events"
        ? { kind: "status", code: 403, message: 'pods is forbidden: cannot list resource "pods"' }
        : undefined;
    const dispatcher = await testDispatcher(api, testConfig({ mode }, stacksOf(fake)));
    fake.schedule();
    await expect.poll(() => api.jobs()).toHaveLength(1);
    await expect.poll(() => dispatcher.log()).toContain("cannot see Pods");
    expect(dispatcher.log()).not.toContain("    at ");
  });
});

describe("in queue mode", () => {
  test("a Pod that hangs lets no other job starve", async () => {
    let later = 0;
    const now = (): number => Date.now() + later;
    const [api, fake] = [await testApiServer(), await testBuildkite(now)];
    const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake, 0.05)), now);
    const first = fake.schedule();
    await dispatcher.send("job.scheduled", first);
    fake.cancel(first.id);
    // Its webhook is lost, and the first job's Pod could still become its agent.
    const second = fake.schedule();
    later += 61_000;
    await expect.poll(() => api.timesCreated(`buildkite-${second.id}`)).toBe(1);
  });

  test("a Job that's known to be stuck is no agent for other jobs, and goes once its own job is over", async () => {
    const [api, fake] = [await testApiServer(), await testBuildkite()];
    let status = waits("InvalidImageName", "couldn't parse image name");
    playKubelet(api, () => status);
    const dispatcher = await testDispatcher(api, testConfig({}, stacksOf(fake, 0.05)));
    const first: FakeJob = fake.schedule();
    fake.cancel(first.id);
    await dispatcher.send("job.scheduled", { ...first, state: "scheduled" });
    status = {};
    await expect.poll(() => api.timesCreated(`buildkite-${first.id}`)).toBe(1);
    const second = fake.schedule();
    await expect.poll(() => api.timesCreated(`buildkite-${second.id}`)).toBe(1);
    await expect.poll(() => api.jobs().map(({ metadata }) => metadata.name)).toEqual([`buildkite-${second.id}`]);
    expect(first.state).toBe("canceled");
  });
});
