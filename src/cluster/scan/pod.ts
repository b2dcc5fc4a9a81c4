/** The parts of a Pod that the scan reads, and which of its containers have ended for good. */
import type { Container, Metadata, PodSpec } from "../../injection/job.ts";
import type { RequestingSpec } from "./quantity.ts";

export interface ContainerStatus {
  readonly name: string;
  readonly state?: {
    readonly running?: unknown;
    readonly waiting?: { readonly reason?: string } | null;
    readonly terminated?: { readonly exitCode: number; readonly finishedAt?: string | null } | null;
  };
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** What every listed object has, of any kind. */
export interface ListedMetadata extends Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly OwnerReference[] | null;
}

export interface ListedPod {
  readonly metadata: ListedMetadata;
  readonly spec: PodSpec & RequestingSpec;
  readonly status?: { readonly phase?: string; readonly containerStatuses?: readonly ContainerStatus[] | null };
}

export interface EndedContainer {
  readonly name: string;
  readonly exitCode: number;
  /** Milliseconds since 1970. Undefined: kubelet lost track of it. */
  readonly finishedAt: number | undefined;
}

/** A container that runs, or waits to be started. */
export interface LeftContainer {
  readonly name: string;
  /** `running`, or why it waits, such as `ImagePullBackOff`. */
  readonly state: string;
}

/** A Pod's plain containers: neither init containers, nor native sidecars, which kubelet stops. */
export interface PodState {
  readonly ended: readonly EndedContainer[];
  readonly left: readonly LeftContainer[];
}

/** Sorts a Pod's plain containers by whether they've ended for good. */
export function stateOf({ spec, status }: ListedPod): PodState {
  const ended: EndedContainer[] = [];
  const left: LeftContainer[] = [];
  for (const container of spec.containers) {
    const { name } = container;
    const state = status?.containerStatuses?.find((each) => each.name === name)?.state;
    const end = state?.terminated;
    if (end && !isRestarted(container, spec, end.exitCode)) {
      const finishedAt = Date.parse(end.finishedAt ?? "");
      ended.push({ name, exitCode: end.exitCode, finishedAt: Number.isNaN(finishedAt) ? undefined : finishedAt });
    } else left.push({ name, state: state?.running ? "running" : (state?.waiting?.reason ?? "waiting") });
  }
  return { ended, left };
}

/** Whether kubelet starts it again: by its own rules and policy (KEP-5307), or by the Pod's policy. */
function isRestarted(container: Container, spec: PodSpec, exitCode: number): boolean {
  for (const { exitCodes } of container.restartPolicyRules ?? []) {
    const isListed = exitCodes?.values?.includes(exitCode) ?? false;
    if (exitCodes?.operator === "NotIn" ? !isListed : isListed) return true;
  }
  const policy = container.restartPolicy ?? spec.restartPolicy ?? "Always";
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** The object that controls this one. */
export function controllerOf({ ownerReferences }: Pick<ListedMetadata, "ownerReferences">): OwnerReference | undefined {
  return ownerReferences?.find(({ controller }) => controller) ?? ownerReferences?.[0];
}
