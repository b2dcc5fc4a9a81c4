/**
 * Breaks Curfew's own Pods while Jobs are created without pause. Prints counts, which
 * docs/operations.md has in its table. Runs after the other files of this tier, because their Jobs
 * would be refused meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { accepted, create, pathOf, request } from "../support/api.ts";
import { createJobs, describeLoad, type JobLoad } from "../support/job-load.ts";
import { endOf, runJob, statusOf, type Pod } from "../support/jobs.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { killContainer, startNodeShell } from "../support/node-shell.ts";

const namespace = testNamespace("pod-faults");
const system = "curfew-system";
const deployment = ["-n", system, "deployment/curfew-admission"];
beforeAll(() => startNodeShell(namespace));

async function admissionPods(): Promise<readonly Pod[]> {
  const query = "?labelSelector=app.kubernetes.io/component%3Dadmission";
  return accepted(await request<{ items: Pod[] }>("GET", `${pathOf("Pod", system)}${query}`)).items;
}

const isReady = (pod: Pod | undefined): boolean =>
  pod?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

/**
 * An admission Pod that isn't being deleted, and how to look at it again. Pods that a rollout has
 * replaced drain for a while.
 */
async function onePod(): Promise<{ readonly pod: Pod; readonly again: () => Promise<Pod | undefined> }> {
  const pod = (await admissionPods()).find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pod === undefined) throw new Error("there's no admission Pod");
  return { pod, again: async () => (await admissionPods()).find(({ metadata }) => metadata.uid === pod.metadata.uid) };
}

async function more(load: JobLoad, jobs = 20): Promise<void> {
  const before = load.created();
  await expect.poll(load.created).toBeGreaterThanOrEqual(before + jobs);
}

const REFUSAL =
  /^(Internal error occurred: )?failed calling webhook "jobs-labelled-enabled-need-curfew-running\.curfew\.sh"/;

describe("of two admission Pods", () => {
  it("one is SIGKILLed: refusals name Curfew, and no Job is lost or unpatched", async () => {
    const load = createJobs(namespace);
    await more(load);
    const { pod, again } = await onePod();
    await killContainer(namespace, pod, "admission");
    const restarts = (of: Pod): number => statusOf(of, "admission")?.restartCount ?? 0;
    const isReadyAgain = async (): Promise<boolean> => {
      const now = await again();
      return isReady(now) && now !== undefined && restarts(now) > restarts(pod);
    };
    await expect.poll(isReadyAgain).toBe(true);
    await more(load);
    const result = await load.stop();
    console.log(describeLoad("SIGKILL of one of two admission Pods", result));
    expect(result).toMatchObject({ lost: [], unpatched: [] });
    for (const failure of result.failures) expect(failure).toMatch(REFUSAL);
  });

  it("one hangs: once the API server has dropped its connections to it, every Job is created, and the Pod comes back", async () => {
    const load = createJobs(namespace);
    await more(load);
    const { pod, again } = await onePod();
    await killContainer(namespace, pod, "admission", "STOP");
    try {
      await expect.poll(async () => isReady(await again())).toBe(false);
      // Reviews that wait for it end with the webhook's timeout.
      await sleep(6_000);
      const result = await load.stop();
      console.log(describeLoad("one of two admission Pods hangs, until it has left the Service", result));
      expect(result).toMatchObject({ lost: [], unpatched: [] });
      for (const failure of result.failures) expect(failure).toMatch(REFUSAL);
      // The API server may still have an old connection to it, and notices only when a Job times
      // out.
      const isNoneRefused = async (): Promise<boolean> => {
        const later = createJobs(namespace);
        await more(later, 100);
        const { failures, lost, unpatched } = await later.stop();
        expect({ lost, unpatched }).toEqual({ lost: [], unpatched: [] });
        for (const failure of failures) expect(failure).toMatch(REFUSAL);
        return failures.length === 0;
      };
      // Not expect.poll, because that would try again after a lost Job.
      await vi.waitUntil(isNoneRefused, { timeout: 120_000, interval: 200, message: "a hundred Jobs and no refusal" });
    } finally {
      // Kubelet restarts what hangs for a minute.
      await killContainer(namespace, pod, "admission", "CONT").catch(() => undefined);
    }
    await expect.poll(async () => isReady(await again())).toBe(true);
  });
});

it("new Pods have too little memory to start: the old ones keep serving, and no Job is refused", async () => {
  const load = createJobs(namespace);
  await kubectlOutput(["set", "resources", ...deployment, "--limits=memory=8Mi", "--requests=memory=8Mi"]);
  try {
    const hasFailed = (pod: Pod): boolean => {
      const status = statusOf(pod, "admission");
      return (status?.state.terminated ?? status?.lastState.terminated) !== undefined;
    };
    await expect.poll(async () => (await admissionPods()).some(hasFailed)).toBe(true);
    await more(load, 100);
  } finally {
    await kubectlOutput(["rollout", "undo", ...deployment]);
    await kubectlOutput(["rollout", "status", ...deployment, "--timeout=120s"]);
  }
  const result = await load.stop();
  console.log(describeLoad("new admission Pods have too little memory to start", result));
  expect(result).toMatchObject({ failures: [], lost: [], unpatched: [] });
});

it("the webhook's Service has no endpoints: labelled Jobs are refused, all others are created, and afterwards all are", async () => {
  const load = createJobs(namespace);
  await more(load);
  await kubectlOutput(["scale", ...deployment, "--replicas=0"]);
  try {
    await expect.poll(admissionPods).toEqual([]);
    const containers = [script("main", "true"), politeSidecar()];
    const { status, body } = await create(namespace, job("refused", containers));
    expect(status).toBe(500);
    expect(body.message).toMatch(REFUSAL);
    const suspended = { labels: {}, spec: { suspend: true } };
    for (let index = 0; index < 20; index += 1) {
      accepted(await create(namespace, job(`plain-${index}`, containers, suspended), "?dryRun=All"));
    }
  } finally {
    await kubectlOutput(["scale", ...deployment, "--replicas=2"]);
    await kubectlOutput(["rollout", "status", ...deployment, "--timeout=120s"]);
  }
  await more(load, 50);
  const result = await load.stop();
  console.log(describeLoad("the webhook's Service has no endpoints", result));
  expect(result).toMatchObject({ lost: [], unpatched: [] });
  for (const failure of result.failures) expect(failure).toMatch(REFUSAL);
});

it("main fills the shared volume: it ends with its own exit code, and the sidecar ends", async () => {
  const fill = script(
    "main",
    "cat /dev/zero >/usr/share/pod/full; df /usr/share/pod | grep -q 100%; exit $((10 + $?))",
  );
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": "trap" };
  const { outcome, pod } = await runJob(namespace, job("full", [fill, politeSidecar()], { annotations }));
  expect(outcome).toBe("Failed");
  expect(endOf(pod, "main").exitCode).toBe(10);
  expect(endOf(pod, "sidecar").exitCode).toBe(0);
});
