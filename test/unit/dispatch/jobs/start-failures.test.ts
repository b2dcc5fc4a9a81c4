import { describe, expect, test } from "vitest";
import type { PodView, WaitingContainer } from "../../../../src/dispatch/jobs/pod-mirror.ts";
import {
  describeEnd,
  findStartFailure,
  isFinal,
  START_FAILURES,
  type CauseId,
  type PendingJob,
} from "../../../../src/dispatch/jobs/start-failures.ts";

const NOT_FOUND = 'failed to pull and unpack image "registry.example.org/agent:1": not found';
const pod = (rest: Partial<PodView> = {}): PodView => ({
  name: "buildkite-a-x",
  uid: "u",
  jobName: "buildkite-a",
  createdAt: 0,
  waiting: [],
  started: [],
  ended: [],
  ...rest,
});
const waiting = (reason: string, message = "", rest: Partial<WaitingContainer> = {}): PodView =>
  pod({
    waiting: [{ container: "agent", image: "registry.example.org/agent:1", reason, message, failedPulls: 0, ...rest }],
  });
const pending = (rest: Partial<PendingJob>): PendingJob => ({
  job: { name: "buildkite-a", suspended: false },
  pod: undefined,
  jobWarnings: [],
  podWarnings: [],
  ...rest,
});
const warning = (reason: string, message: string, count = 1) => ({ reason, message, count });
const refused = (message: string): Partial<PendingJob> => ({ jobWarnings: [warning("FailedCreate", message)] });
const told = (reason: string, message: string): Partial<PendingJob> => ({
  pod: pod(),
  podWarnings: [warning(reason, message)],
});

// Messages as kubelet 1.37, containerd 2.2, the scheduler and the Job controller write them.
test.each<[CauseId, Partial<PendingJob>]>([
  ["image-pull", { pod: waiting("ErrImagePull", NOT_FOUND) }],
  ["image-pull", { pod: waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: ${NOT_FOUND}`) }],
  ["image-pull", { pod: waiting("ErrImagePull", "pull access denied, repository does not exist") }],
  ["image-pull", { pod: waiting("ErrImagePull", "unexpected status: 401 Unauthorized") }],
  ["image-pull", { pod: waiting("ErrImagePull", "lookup registry.exmaple.org: no such host") }],
  ["registry", { pod: waiting("ErrImagePull", "dial tcp 192.0.2.1:443: i/o timeout") }],
  ["registry", { pod: waiting("ErrImagePull", "toomanyrequests: You have reached your pull rate limit") }],
  ["registry", { pod: waiting("ErrImagePull", "unexpected status: 503 Service Unavailable") }],
  ["image-name", { pod: waiting("InvalidImageName", 'couldn\'t parse image name "A:b:c"') }],
  ["image-name", { pod: waiting("ErrImageNeverPull", "Container image is not present with pull policy of Never") }],
  ["config", { pod: waiting("CreateContainerConfigError", 'secret "npm-token" not found') }],
  ["config", { pod: waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root") }],
  ["agent-token", { pod: waiting("CreateContainerConfigError", 'secret "buildkite-a" not found') }],
  ["container", { pod: waiting("CreateContainerError", "context deadline exceeded") }],
  ["unexplained", { pod: waiting("CrashLoopBackOff", "back-off 10s restarting failed container") }],
  ["suspended", { pod: pod({ isGated: true }) }],
  ["unschedulable", { pod: pod({ unschedulable: "0/3 nodes are available: 3 Insufficient cpu." }) }],
  ["volume-claim", { pod: pod({ unschedulable: 'persistentvolumeclaim "cache" not found' }) }],
  ["mount", told("FailedMount", 'MountVolume.SetUp failed for volume "x" : secret "y" not found')],
  ["mount", told("FailedMount", 'MountVolume.SetUp failed for volume "x" : configmap "y" not found')],
  ["mount", told("FailedMount", 'MountVolume.SetUp failed for volume "x" : references non-existent secret key: y')],
  ["volume", told("FailedMount", 'MountVolume.SetUp failed for volume "x" : mount failed: exit status 32')],
  ["volume", told("FailedAttachVolume", "Multi-Attach error for volume")],
  ["sandbox", told("FailedCreatePodSandBox", "Failed to create pod sandbox: plugin type=x failed")],
  ["quota", refused('pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4')],
  ["pod-refused", refused('pods "x" is forbidden: no PriorityClass with name ci-urgent was found')],
  ["pod-refused", refused('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged')],
  [
    "pod-refused",
    refused('pods "x" is forbidden: error looking up service account ci/b: serviceaccount "b" not found'),
  ],
  ["control-plane", refused('Internal error occurred: failed calling webhook "x": connection refused')],
  ["suspended", { job: { name: "buildkite-a", suspended: true } }],
])("%s is found by Kubernetes' own words (%#)", (cause, rest) => {
  expect(findStartFailure(pending(rest))?.cause).toBe(cause);
});

test.each<[string, Partial<PendingJob>]>([
  ["has no Pod yet", {}],
  ["is being set up", { pod: pod() }],
  ["had a warning that's over", { ...told("FailedMount", "x"), pod: pod({ started: ["dind"] }) }],
  ["had a warning that keeps nothing from starting", told("Unhealthy", "probe failed")],
])("a Job that %s isn't stuck", (_what, rest) => {
  expect(findStartFailure(pending(rest))).toBeUndefined();
});

test("the reason has the container, the image and kubelet's words, in one line", () => {
  const failure = findStartFailure(pending({ pod: waiting("ErrImagePull", "a\nb\u0007\tc") }));
  expect(failure).toMatchObject({
    text: 'Container "agent" (image "registry.example.org/agent:1") can\'t start: its image can\'t be pulled.',
    said: "ErrImagePull: a b c",
  });
  const long = findStartFailure(pending({ pod: waiting("ErrImagePull", "x".repeat(100_000)) }));
  expect(long?.said?.length).toBeLessThan(1500);
});

describe("it's time to give up", () => {
  const times = { now: 1_000_000, startedAt: 900_000, since: 990_000, pendingTimeoutMs: 300_000 };
  const failed = (cause: CauseId, failures?: number, rest: Partial<typeof times> = {}): boolean =>
    isFinal({ cause, text: "", ...(failures !== undefined && { failures }) }, { ...times, ...rest });

  test("after the third failure, if it can't ever work", () => {
    expect([1, 2, 3].map((failures) => failed("image-pull", failures))).toEqual([false, false, true]);
    expect(failed("image-name", 1)).toBe(true);
  });

  test("after pendingTimeoutSeconds at the latest", () => {
    expect(failed("image-pull", 1, { startedAt: 699_999 })).toBe(true);
  });

  test("after a minute, if it can't ever work and nobody counts", () => {
    expect(failed("volume-claim")).toBe(false);
    expect(failed("volume-claim", undefined, { since: 939_999 })).toBe(true);
  });

  test("after pendingTimeoutSeconds, if it may still work", () => {
    expect(failed("unschedulable", 1000)).toBe(false);
    expect(failed("unschedulable", undefined, { startedAt: 699_999 })).toBe(true);
  });

  test("never, if the build isn't to blame", () => {
    for (const cause of ["quota", "control-plane", "suspended", "agent-token"] as const)
      expect(failed(cause, 1000, { startedAt: 0, since: 0 })).toBe(false);
  });
});

test("failures are counted by kubelet's events, or by what was seen of the Pod", () => {
  const podWarnings = [
    warning("Failed", 'Failed to pull image "x": not found', 3),
    warning("Failed", "Error: ErrImagePull", 7),
  ];
  expect(findStartFailure(pending({ pod: waiting("ErrImagePull", NOT_FOUND), podWarnings }))?.failures).toBe(3);
  expect(findStartFailure(pending({ pod: waiting("ErrImagePull", NOT_FOUND, { failedPulls: 2 }) }))?.failures).toBe(2);
  const missing = [warning("Failed", 'Error: secret "y" not found', 4)];
  const config = pending({ pod: waiting("CreateContainerConfigError", 'secret "y" not found'), podWarnings: missing });
  expect(findStartFailure(config)?.failures).toBe(4);
});

test("refusals of a Pod whose name differs each time are counted together", () => {
  const refusal = (name: string) => warning("FailedCreate", `pods "${name}" is forbidden: violates PodSecurity`, 1);
  const jobWarnings = [warning("FailedCreate", "exceeded quota", 9), refusal("a-1"), refusal("a-2"), refusal("a-3")];
  expect(findStartFailure(pending({ jobWarnings }))).toMatchObject({ cause: "pod-refused", failures: 3 });
});

test("says how a Pod's containers ended, if not with 0", () => {
  const ended = [
    { container: "dind", exitCode: 0, reason: "Completed", message: "" },
    { container: "agent", exitCode: 137, reason: "OOMKilled", message: "" },
  ];
  expect(describeEnd(pod({ ended }))).toBe('Container "agent" exited with code 137 (OOMKilled).');
  expect(describeEnd(undefined)).toBe("");
});

test("each cause has a sentence and advice for people", () => {
  for (const { sentence, advice } of Object.values(START_FAILURES)) {
    expect(sentence).not.toMatch(/\.$/);
    expect(advice).toMatch(/^[A-Z].*\.$/);
  }
});
