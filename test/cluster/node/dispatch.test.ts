/**
 * From a signed webhook to the build's exit status, with every part real except Buildkite itself.
 */
import { beforeEach, describe, expect, it, test, vi } from "vitest";
import { logOf, type FakeJob } from "../../../sim/buildkite/jobs.ts";
import { BUILDS, dispatcherLogs, installedDispatcher, lateNodes } from "../support/installed-dispatcher.ts";
import { accepted, pathOf, request, type Answer, type KubernetesObject } from "../support/api.ts";
import { getJob, logsOf, untilEnded, untilRunning, type EndedJob } from "../support/jobs.ts";
import { exec } from "../support/kubectl.ts";
import { reachableBuildkite } from "../support/reachable-buildkite.ts";
import { HAS_JOB } from "../../support/dispatch/dispatcher.ts";

const buildkite = reachableBuildkite();
const send = installedDispatcher(buildkite);

/** Makes an image of the agent's shell, because there may be no registry, and runs it. */
const DOCKER_RUN =
  "tar -ch /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') | docker import - shell && docker run --rm --network none shell /bin/sh -c 'echo hello from a container'";

/**
 * Checks that the Job has completed with Curfew's patch, and that its containers have ended,
 * dockerd by its own shutdown.
 */
async function expectNothingLeft({ outcome, job, pod }: EndedJob): Promise<void> {
  expect(outcome).toBe("Complete");
  expect(job.metadata.annotations).toMatchObject({ "curfew.sh/injected": "trap" });
  const codes = pod.status.containerStatuses?.map(({ name, state }) => [name, state.terminated?.exitCode]);
  expect(codes).toEqual(expect.arrayContaining([["agent", 0], ["dind", 0]])); // prettier-ignore
  expect(codes).toHaveLength(2);
  expect(await logsOf(BUILDS, pod, "dind")).toContain("Daemon shutdown complete");
}

describe.concurrent("in acquire mode, a Pod that starts late", () => {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      console.error(await dispatcherLogs());
    });
  });
  const schedule = (start: string): FakeJob =>
    buildkite.schedule({ queue: "late", rules: ["queue=late", `start=${start}`], command: "exit 7" });
  const secretOf = (build: FakeJob): Promise<Answer<Secret>> =>
    request<Secret>("GET", pathOf("Secret", BUILDS, `buildkite-${build.id}`));
  const reservedUntil = (build: FakeJob): number => build.reservation?.until ?? 0;
  const patch = async (path: string, change: object): Promise<void> => {
    accepted(await request("PATCH", path, change, "application/merge-patch+json"));
  };
  /** Its agent has run it, and nothing is left of its token. */
  const expectRun = async (build: FakeJob): Promise<void> => {
    await vi.waitUntil(() => build.state === "finished", { timeout: 120_000, message: "it hasn't run" });
    expect(build).toMatchObject({ exitStatus: 7, runs: 1 });
    await vi.waitUntil(async () => (await secretOf(build)).status === 404, { timeout: 60_000 });
  };

  const token = async (build: FakeJob): Promise<string | undefined> => (await secretOf(build)).body.data?.["token"];
  const untilToken = (build: FakeJob): Promise<string> => vi.waitUntil(() => token(build), { timeout: 60_000 });
  /** Lets the Pods of these builds start. */
  const labelNodes = async (start: string): Promise<void> => {
    const { items } = accepted(await request<{ items: KubernetesObject[] }>("GET", "/api/v1/nodes"));
    for (const { metadata } of items)
      await patch(`/api/v1/nodes/${metadata.name}`, { metadata: { labels: lateNodes(start) } });
  };

  it("gets a token when its Job is resumed, and has none before", async () => {
    const build = schedule("resumed");
    expect(await send("job.scheduled", build)).toEqual(HAS_JOB);
    await vi.waitUntil(() => reservedUntil(build) > 0, { timeout: 60_000 });
    const first = reservedUntil(build);
    await vi.waitUntil(() => reservedUntil(build) > first + 30_000, { timeout: 120_000 });
    expect((await secretOf(build)).status).toBe(404);
    await patch(pathOf("Job", BUILDS, `buildkite-${build.id}`), { spec: { suspend: false } });
    await expectRun(build);
  });

  it("has a newer token if its first one has ended", async () => {
    const build = schedule("scheduled");
    expect(await send("job.scheduled", build)).toEqual(HAS_JOB);
    const first = Buffer.from(await untilToken(build), "base64").toString();
    await vi.waitUntil(() => buildkite.judgeToken(first).kind === "none", { timeout: 120_000 });
    await labelNodes("scheduled");
    await expectRun(build);
  });

  it("gets a new token if kubelet misses its Secret", async () => {
    const build = schedule("repaired");
    expect(await send("job.scheduled", build)).toEqual(HAS_JOB);
    await untilToken(build);
    accepted(await request("DELETE", pathOf("Secret", BUILDS, `buildkite-${build.id}`)));
    await labelNodes("repaired");
    await expectRun(build);
  });
});

interface Secret {
  readonly data?: Readonly<Record<string, string>>;
}

describe.concurrent.for([
  { mode: "queue", queue: "kubernetes" },
  { mode: "acquire", queue: "acquire" },
])("in $mode mode", ({ queue }) => {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      console.error(await dispatcherLogs());
    });
  });
  const schedule = (command: string): FakeJob => buildkite.schedule({ queue, command });
  /** In queue mode, the agent of one build's Job can run another build. */
  const untilRun = (build: FakeJob): Promise<boolean> =>
    vi.waitUntil(() => build.state === "finished", { timeout: 120_000, message: "it hasn't run" });
  const ended = (job: FakeJob): Promise<EndedJob> => untilEnded(BUILDS, `buildkite-${job.id}`);

  it("a webhook becomes a Job whose agent runs the build with Docker, and nothing is left running", async () => {
    const build = schedule(DOCKER_RUN);
    expect(await send("job.scheduled", build)).toEqual(HAS_JOB);
    await untilRun(build);
    await expectNothingLeft(await ended(build));
    expect(logOf(build)).toMatch(/^hello from a container/m);
    expect(build).toMatchObject({ state: "finished", exitStatus: 0, runs: 1 });
  });

  it("a failing build without a webhook is found, its exit code 7 arrives, and nothing is left running", async () => {
    const build = schedule("docker version && exit 7");
    await untilRun(build);
    await expectNothingLeft(await ended(build));
    expect(build).toMatchObject({ exitStatus: 7, runs: 1 });
  });
});

test("a build survives its node's drain: its agent has two hours to end it, and nothing is left running", async () => {
  const build = buildkite.schedule({ queue: "acquire", command: "until [ -e /tmp/go ]; do sleep 0.2; done; exit 3" });
  const isIn = (state: string) => vi.waitUntil(() => build.state === state, { timeout: 120_000, message: state });
  await isIn("running");
  const { metadata } = await untilRunning(BUILDS, `buildkite-${build.id}`, "agent", "dind");
  const path = pathOf("Pod", BUILDS, metadata.name);
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: metadata.name, namespace: BUILDS } };
  accepted(await request("POST", `${path}/eviction`, eviction));
  expect(accepted(await request("GET", path)).metadata).toMatchObject({ deletionGracePeriodSeconds: 7200 });
  const status = async () => (await getJob(BUILDS, `buildkite-${build.id}`)).status;
  // From here on the Pod counts as failed, even if the agent ends with 0.
  await expect.poll(status).toMatchObject({ terminating: 1 });
  // A second container wouldn't be there any more if kubelet's or Curfew's TERM had ended one.
  await exec(BUILDS, metadata.name, "dind", "docker --host=unix:///run/dind/docker.sock version");
  await exec(BUILDS, metadata.name, "agent", "touch /tmp/go");
  await isIn("finished");
  expect(build).toMatchObject({ exitStatus: 3, runs: 1 });
  const isGone = async (): Promise<boolean> => (await request("GET", path)).status === 404;
  await vi.waitUntil(isGone, { timeout: 75_000, interval: 200, message: "the Pod is still there" });
  const conditions = async () => (await status()).conditions;
  await expect.poll(conditions).toContainEqual(expect.objectContaining({ type: "Failed", status: "True" }));
});
