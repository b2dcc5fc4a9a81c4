/** Jobs and Pods as an API server lists them, with statuses as kubelet writes them. */
import type { ListedPod } from "../../../src/cluster/scan/pod.ts";

export type Status = Readonly<Record<string, unknown>>;

export const RUNNING: Status = { running: { startedAt: "2026-11-01T10:00:00Z" } };

export function endedAt(finishedAt: string | null, exitCode = 0): Status {
  const reason = exitCode === 0 ? "Completed" : "Error";
  return { terminated: { exitCode, reason, startedAt: "2026-11-01T10:00:00Z", finishedAt } };
}

export function waiting(reason: string): Status {
  return { waiting: { reason } };
}

export interface PodOptions {
  readonly namespace?: string;
  readonly metadata?: object;
  readonly spec?: object;
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
  /** Fields of each container, by name. */
  readonly containers?: Readonly<Record<string, object>>;
}

/** A Pod whose containers have these states; `undefined` has no status yet. */
export function pod(name: string, states: Readonly<Record<string, Status | undefined>>, options: PodOptions = {}) {
  const { namespace = "ci", owner } = options;
  const ownerReferences = owner && [{ apiVersion: "batch/v1", controller: true, ...owner }];
  return {
    metadata: {
      ...{ name, namespace, uid: `uid-of-${name}`, creationTimestamp: "2026-11-01T10:00:00Z" },
      ...(ownerReferences && { ownerReferences }),
      ...options.metadata,
    },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 30,
      containers: Object.keys(states).map((each): ListedPod["spec"]["containers"][number] => {
        return { name: each, image: each, ...options.containers?.[each] };
      }),
      ...options.spec,
    },
    status: {
      phase: "Running",
      containerStatuses: Object.entries(states).flatMap(([each, state]) =>
        state === undefined ? [] : [{ name: each, restartCount: 0, ready: false, state }],
      ),
    },
  };
}

export interface JobOptions {
  readonly namespace?: string;
  readonly metadata?: object;
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
  readonly created?: string;
  readonly active?: number;
  readonly pod?: object;
}

/** A Job with containers of these names, or with these. */
export function job(name: string, containers: readonly (string | object)[], options: JobOptions = {}) {
  const { namespace = "ci", owner, created = "2026-11-01T10:00:00Z", active = 0 } = options;
  const ownerReferences = owner && [{ apiVersion: "batch/v1", controller: true, ...owner }];
  return {
    metadata: {
      ...{ name, namespace, uid: `uid-of-${name}`, creationTimestamp: created },
      ...(ownerReferences && { ownerReferences }),
      ...options.metadata,
    },
    spec: { template: template(containers, options.pod) },
    status: { active },
  };
}

/** A CronJob with containers of these names, or with these. */
export function cronJob(name: string, containers: readonly (string | object)[], jobMetadata: object = {}) {
  return {
    metadata: { name, namespace: "ci", uid: `uid-of-${name}`, creationTimestamp: "2026-11-01T10:00:00Z" },
    spec: { jobTemplate: { metadata: jobMetadata, spec: { template: template(containers) } } },
  };
}

function template(containers: readonly (string | object)[], more: object = {}) {
  const listed = containers.map((each) => (typeof each === "string" ? { name: each, image: each } : each));
  return { metadata: {}, spec: { restartPolicy: "Never", containers: listed, ...more } };
}
