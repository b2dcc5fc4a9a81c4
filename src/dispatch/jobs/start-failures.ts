/**
 * Why a Job's agent doesn't start. Pure. {@link START_FAILURES} has all causes: what each means, and
 * whether waiting helps.
 */
import type { JobView } from "./job-mirror.ts";
import type { PodView, WaitingContainer } from "./pod-mirror.ts";
import type { Warning } from "./warnings.ts";

/**
 * - never: it won't work until somebody changes something. The third failure decides.
 * - may: it can still work. `pendingTimeoutSeconds` decides.
 * - waits: the build isn't to blame, and its turn will come.
 */
export type Verdict = "never" | "may" | "waits";

interface Cause {
  readonly verdict: Verdict;
  /** How many failures decide, if not three. */
  readonly failures?: number;
  /** For people who look at a build. */
  readonly sentence: string;
  readonly advice: string;
}

export const START_FAILURES = {
  "image-name": {
    verdict: "never",
    failures: 1,
    sentence: "the name of its image isn't valid, or the image must be on the node and isn't",
    advice: "Correct the image in the queue's template.",
  },
  "image-pull": {
    verdict: "never",
    sentence: "its image can't be pulled",
    advice: "Check the image's name, that it exists, and the imagePullSecrets in the queue's template.",
  },
  registry: {
    verdict: "may",
    sentence: "the registry doesn't answer, or limits its rate",
    advice: "Check the registry, and that the nodes can reach it.",
  },
  config: {
    verdict: "never",
    sentence: "its configuration refers to something that doesn't exist, or contradicts itself",
    advice: "Create what's missing in the Job's namespace, or correct the queue's template.",
  },
  "agent-token": {
    verdict: "waits",
    sentence: "the Secret with the token for this job doesn't exist yet",
    advice: "The dispatcher creates that Secret: see its log.",
  },
  container: {
    verdict: "never",
    sentence: "the node's container runtime can't create it",
    advice: "Correct the queue's template.",
  },
  mount: {
    verdict: "never",
    sentence: "a volume refers to something that doesn't exist",
    advice: "Create what's missing in the Job's namespace, or correct the queue's template.",
  },
  volume: {
    verdict: "may",
    sentence: "a volume can't be mounted",
    advice: "Check the volume and its storage.",
  },
  sandbox: {
    verdict: "may",
    sentence: "the node can't set the Pod up",
    advice: "Check the node, especially its network plugin.",
  },
  unschedulable: {
    verdict: "may",
    sentence: "no node has room for it, or none matches it",
    advice: "Add nodes, or change the requests, the node selector or the tolerations in the queue's template.",
  },
  "volume-claim": {
    verdict: "never",
    sentence: "it refers to a PersistentVolumeClaim that doesn't exist",
    advice: "Create the claim in the Job's namespace, or correct the queue's template.",
  },
  "pod-refused": {
    verdict: "never",
    sentence: "the API server refuses it",
    advice: "Correct the queue's template, or whatever refuses the Pod.",
  },
  quota: {
    verdict: "waits",
    sentence: "the namespace's ResourceQuota is used up, so it waits for other Pods to end",
    advice: "Raise the ResourceQuota if that takes too long.",
  },
  "control-plane": {
    verdict: "waits",
    sentence: "the API server, or a webhook that it calls, isn't working right now",
    advice: "Check the API server, and the webhook that the message names.",
  },
  suspended: {
    verdict: "waits",
    sentence: "it's suspended until something such as Kueue has room for it",
    advice: "Look at the queue of whatever suspended it, such as Kueue.",
  },
  unexplained: {
    verdict: "may",
    sentence: "the Pod isn't ready, and the cause isn't known",
    advice: "Look at the Pod and at its node.",
  },
} as const satisfies Record<string, Cause>;

export type CauseId = keyof typeof START_FAILURES;

export interface StartFailure {
  readonly cause: CauseId;
  /** How often it has failed. Undefined if nobody counts. */
  readonly failures?: number;
  /** What's wrong, in a sentence with the names. */
  readonly text: string;
  /** Kubernetes' own words. */
  readonly said?: string;
}

/** What's known about a Job that has no agent yet. */
export interface PendingJob {
  readonly job: Pick<JobView, "name" | "suspended">;
  readonly pod: PodView | undefined;
  readonly jobWarnings: readonly Warning[];
  readonly podWarnings: readonly Warning[];
}

/** Kubernetes' own words can be long. The build's page takes 4 KB. */
const LONGEST_QUOTE = 1000;

/** What keeps a Job's agent from starting. Undefined if nothing is known to. */
export function findStartFailure(pending: PendingJob): StartFailure | undefined {
  const { job, pod, jobWarnings, podWarnings } = pending;
  if (job.suspended) return failureOf("suspended", "The Job has no Pod");
  if (!pod) return ofRefusals(jobWarnings.filter(({ reason }) => reason === "FailedCreate"));
  if (pod.isGated === true) return failureOf("suspended", "The Pod has scheduling gates");
  if (pod.unschedulable !== undefined) {
    const isClaim = /persistentvolumeclaim "[^"]*" not found/.test(pod.unschedulable);
    const cause = isClaim ? "volume-claim" : "unschedulable";
    return failureOf(cause, "The Pod can't be scheduled", pod.unschedulable);
  }
  const [waiting] = pod.waiting;
  if (waiting) return ofContainer(waiting, job.name, podWarnings);
  const isUp = pod.started.length > 0;
  const warning = podWarnings.findLast(({ reason }) => Object.hasOwn(POD_WARNINGS, reason));
  return warning && !isUp ? ofWarning(warning) : undefined;
}

/** Whether kubelet can't start a Job's agent because the Secret with its token isn't there. */
export function lacksAgentToken({ waiting }: PodView, jobName: string): boolean {
  return waiting.some(({ reason, message }) => reason === "CreateContainerConfigError" && lacksToken(message, jobName));
}

function lacksToken(message: string, jobName: string): boolean {
  return message.includes(`secret "${jobName}" not found`);
}

/** Why a Job's Pods ended, as far as Kubernetes says so. Empty if it doesn't. */
export function describeEnd(pod: PodView | undefined): string {
  const failed = pod?.ended.filter(({ exitCode }) => exitCode !== 0) ?? [];
  return failed
    .map(({ container, exitCode, reason, message }) => {
      const words = [reason, message].filter((text) => text !== "").join(": ");
      return `Container ${JSON.stringify(container)} exited with code ${exitCode}${words === "" ? "" : ` (${quote(words)})`}.`;
    })
    .join(" ");
}

/** Whether it's time to give up. Times are in milliseconds since 1970. */
export function isFinal(
  { cause, failures }: StartFailure,
  times: {
    readonly now: number;
    readonly startedAt: number;
    /** When this cause was first seen. */
    readonly since: number;
    readonly pendingTimeoutMs: number;
  },
): boolean {
  const row: Cause = START_FAILURES[cause];
  const isLate = times.now - times.startedAt > times.pendingTimeoutMs;
  if (row.verdict === "waits") return false;
  if (row.verdict === "may" || isLate) return isLate;
  const { failures: enough = 3 } = row;
  // Kubelet's third try comes after about half a minute. If nobody counts, time has to do.
  return (failures ?? 1) >= enough || (failures === undefined && times.now - times.since > UNCOUNTED_MS);
}

const UNCOUNTED_MS = 60_000;

/**
 * A failed pull that can succeed later with the same name and credentials: something is wrong with
 * the registry or the way to it. A host that doesn't exist ("no such host") isn't one, because that's
 * most likely a typo.
 */
const TEMPORARY =
  /timeout|timed out|deadline exceeded|too ?many ?requests|connection (?:refused|reset)|unexpected EOF|server misbehaving|temporary failure|TLS handshake|\b(?:429|50[0-4])\b|network is unreachable|no space left/i;

function ofContainer(waiting: WaitingContainer, jobName: string, warnings: readonly Warning[]): StartFailure {
  const { container, image, reason, message, failedPulls } = waiting;
  const cause = causeOf(waiting, jobName);
  const isPull = reason === "ErrImagePull" || reason === "ImagePullBackOff";
  const counted = warnings
    .filter((warning) => warning.reason === "Failed" && warning.message.startsWith("Failed to pull image") === isPull)
    .map(({ count }) => count);
  const failures = Math.max(failedPulls, ...counted);
  return failureOf(
    cause,
    `Container ${JSON.stringify(container)} (image ${JSON.stringify(image)}) can't start`,
    message === "" ? reason : `${reason}: ${message}`,
    failures,
  );
}

function causeOf({ reason, message }: WaitingContainer, jobName: string): CauseId {
  switch (reason) {
    case "InvalidImageName":
    case "ErrImageNeverPull":
      return "image-name";
    case "RegistryUnavailable":
      return "registry";
    case "ErrImagePull":
    case "ImagePullBackOff":
      return TEMPORARY.test(message) ? "registry" : "image-pull";
    case "CreateContainerConfigError":
      return lacksToken(message, jobName) ? "agent-token" : "config";
    case "CreateContainerError":
    case "RunContainerError":
      return "container";
    default:
      return "unexplained";
  }
}

const NOT_THERE = /(?:secret|configmap|persistentvolumeclaim) "[^"]*" not found|references non-existent/i;

/** Reasons of events about a Pod whose containers aren't created yet. */
const POD_WARNINGS: Readonly<Record<string, (message: string) => CauseId>> = {
  FailedMount: (message) => (NOT_THERE.test(message) ? "mount" : "volume"),
  FailedAttachVolume: () => "volume",
  FailedCreatePodSandBox: () => "sandbox",
};

function ofWarning({ reason, message, count }: Warning): StartFailure {
  const cause = POD_WARNINGS[reason]?.(message) ?? "unexplained";
  return failureOf(cause, "The Pod can't start", `${reason}: ${message}`, count);
}

/** The Job controller's own attempts to create the Pod. */
function ofRefusals(refusals: readonly Warning[]): StartFailure | undefined {
  const last = refusals.at(-1);
  if (!last) return undefined;
  const cause = causeOfRefusal(last);
  // A message can contain the Pod's name, which differs each time. Then each refusal is an event of
  // its own.
  const same = refusals.filter((one) => causeOfRefusal(one) === cause);
  const failures = same.reduce((sum, { count }) => sum + count, 0);
  return failureOf(cause, "The Pod can't be created", last.message, failures);
}

const CANT_NOW = /failed calling webhook|internal error|timed? ?out|deadline exceeded|connection refused|etcdserver/i;

function causeOfRefusal({ message }: Warning): CauseId {
  return /exceeded quota/.test(message) ? "quota" : CANT_NOW.test(message) ? "control-plane" : "pod-refused";
}

function failureOf(cause: CauseId, what: string, said?: string, failures = 0): StartFailure {
  return {
    cause,
    text: `${what}: ${START_FAILURES[cause].sentence}.`,
    ...(said !== undefined && { said: quote(said) }),
    ...(failures > 0 && { failures }),
  };
}

/** In one line, and bounded. */
function quote(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE)}…` : line;
}
