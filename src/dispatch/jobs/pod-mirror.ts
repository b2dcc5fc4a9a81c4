/**
 * A mirror of the Pods of a namespace's agent Jobs: what keeps a Pod from starting, which of its
 * containers have started, and how they ended.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
 */
import { Follower, type FollowerOptions, type KubeObject, type ListWatch } from "../../kubernetes/list-watch.ts";

/** The parts of a Pod from the API server that are read here. */
export interface StoredPod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
  };
}

/** A container that kubelet can't start. */
export interface WaitingContainer {
  readonly container: string;
  readonly image: string;
  /** kubelet's, such as ErrImagePull. */
  readonly reason: string;
  readonly message: string;
  /** How many pulls of its image were seen to fail. */
  readonly failedPulls: number;
}

export interface EndedContainer {
  readonly container: string;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
}

export interface PodView {
  readonly name: string;
  readonly uid: string;
  readonly jobName: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Why no node takes it, in the scheduler's words. Undefined if one does. */
  readonly unschedulable?: string;
  /** It has scheduling gates, so the scheduler isn't asked yet. */
  readonly isGated?: boolean;
  readonly waiting: readonly WaitingContainer[];
  /** The containers that have started, init containers included. */
  readonly started: readonly string[];
  readonly ended: readonly EndedContainer[];
}

export interface PodMirrorOptions extends FollowerOptions {
  /** Called if something new keeps a Pod from starting. */
  readonly onTrouble: (jobName: string) => void;
}

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#batch-kubernetes-io-job-name */
const JOB_NAME_LABELS = ["batch.kubernetes.io/job-name", "job-name"];
/** What kubelet says of a container that's simply not started yet. */
const NORMAL = new Set(["ContainerCreating", "PodInitializing"]);
const FAILED_PULL = "ErrImagePull";
const BACK_OFF = "ImagePullBackOff";

export class PodMirror extends Follower<StoredPod> {
  /** By name. */
  readonly #pods: Map<string, PodView>;
  /** The name of each Job's latest Pod. */
  readonly #latest = new Map<string, string>();
  readonly #onTrouble: (jobName: string) => void;

  constructor(source: ListWatch<StoredPod>, { onTrouble, ...options }: PodMirrorOptions) {
    const pods = new Map<string, PodView>();
    const put = (pod: StoredPod): void => {
      this.#put(pod);
    };
    const remove = (name: string): void => {
      this.#delete(name);
    };
    super(source, { put, delete: remove, names: () => pods.keys() }, options);
    this.#pods = pods;
    this.#onTrouble = onTrouble;
  }

  /** The latest Pod of a Job. */
  viewOf(jobName: string): PodView | undefined {
    return this.#pods.get(this.#latest.get(jobName) ?? "");
  }

  #put(pod: StoredPod): void {
    const before = this.#pods.get(pod.metadata.name);
    const view = toView(pod, before?.uid === pod.metadata.uid ? before : undefined);
    if (!view) return;
    this.#pods.set(view.name, view);
    const latest = this.viewOf(view.jobName);
    if (!latest || latest.createdAt <= view.createdAt) this.#latest.set(view.jobName, view.name);
    if (troubleOf(view) !== "" && troubleOf(view) !== troubleOf(before)) this.#onTrouble(view.jobName);
  }

  #delete(name: string): void {
    const { jobName = "" } = this.#pods.get(name) ?? {};
    if (this.#latest.get(jobName) === name) this.#latest.delete(jobName);
    this.#pods.delete(name);
  }
}

function troubleOf(view: PodView | undefined): string {
  if (!view) return "";
  const waiting = view.waiting.map(({ container, reason, failedPulls }) => `${container} ${reason} ${failedPulls}`);
  return [...(view.unschedulable === undefined ? [] : ["unschedulable"]), ...waiting].join();
}

function toView({ metadata, status = {} }: StoredPod, before: PodView | undefined): PodView | undefined {
  const jobName = JOB_NAME_LABELS.map((label) => metadata.labels?.[label]).find((name) => name !== undefined);
  if (jobName === undefined) return undefined;
  const scheduled = status.conditions?.find(({ type }) => type === "PodScheduled");
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return {
    name: metadata.name,
    uid: metadata.uid,
    jobName,
    createdAt: Date.parse(metadata.creationTimestamp),
    ...(scheduled?.status === "False" &&
      (scheduled.reason === "SchedulingGated"
        ? { isGated: true }
        : { unschedulable: scheduled.message ?? scheduled.reason ?? "" })),
    waiting: containers.flatMap((one) => toWaiting(one, before) ?? []),
    started: containers
      .filter(({ state, restartCount = 0 }) => state?.running ?? state?.terminated ?? restartCount > 0)
      .map(({ name }) => name),
    ended: containers.flatMap(({ name, state }) => {
      const { exitCode = 0, reason = "", message = "" } = state?.terminated ?? {};
      return state?.terminated ? [{ container: name, exitCode, reason, message }] : [];
    }),
  };
}

/** `before`: the Pod as it was the last time. */
function toWaiting({ name, image = "", state }: ContainerStatus, before: PodView | undefined) {
  const { reason = "", message = "" } = state?.waiting ?? {};
  if (reason === "" || NORMAL.has(reason)) return undefined;
  const earlier = before?.waiting.find(({ container }) => container === name);
  // Kubelet alternates between the two: a pull has failed, and a pause until the next one.
  const isFailedPull = reason === FAILED_PULL || reason === BACK_OFF;
  const isNewFailure = earlier === undefined || (reason === FAILED_PULL && earlier.reason === BACK_OFF);
  const failedPulls = isFailedPull ? (earlier?.failedPulls ?? 0) + (isNewFailure ? 1 : 0) : 0;
  // Before 1.31, kubelet forgets during the pause why the pull has failed.
  const said = reason === BACK_OFF && !message.includes(FAILED_PULL) ? earlier?.message : undefined;
  return { container: name, image, reason, message: said ?? message, failedPulls } satisfies WaitingContainer;
}
