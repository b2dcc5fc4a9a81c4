/** Pods that no Job has made: short forms of them, and how they end. */
import { accepted, create, pathOf, request, type Answer } from "./api.ts";
import { statusOf, type Pod } from "./jobs.ts";
import { ENABLED } from "./manifests.ts";
import { until } from "./until.ts";

interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Further fields of the metadata, and of the spec besides its containers. */
  readonly metadata?: object;
  readonly spec?: object;
}

/** A Pod. Labelled unless `labels` says otherwise, and never restarted unless `spec` says so. */
export function pod(name: string, containers: readonly object[], options: PodOptions = {}) {
  const { labels = ENABLED, annotations = {}, metadata, spec } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels, annotations, ...metadata },
    spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 20, containers, ...spec },
  };
}

/** Creates a Pod, and returns it as the API server stored it, patched or not. */
export async function createPod(namespace: string, manifest: object): Promise<Pod> {
  return accepted((await create(namespace, manifest)) as unknown as Answer<Pod>);
}

export async function getPod(namespace: string, name: string): Promise<Pod> {
  return accepted(await request<Pod>("GET", pathOf("Pod", namespace, name)));
}

/** Waits until the Pod satisfies `look`. */
export async function untilPodIs(
  namespace: string,
  name: string,
  what: string,
  look: (pod: Pod) => boolean,
  seconds = 200,
): Promise<Pod> {
  const seen = async (): Promise<Pod | false> => {
    const pod = await getPod(namespace, name);
    return look(pod) && pod;
  };
  return until(`the Pod ${name}: ${what}`, seen, seconds);
}

/** Waits until the Pod has Succeeded or Failed. */
export async function untilPodEnded(namespace: string, name: string): Promise<Pod> {
  return untilPodIs(namespace, name, "ended", ({ status: { phase } }) => /^(Succeeded|Failed)$/.test(phase));
}

/** Waits until these containers of the Pod have ended, whatever the others do. */
export async function untilContainersEnded(
  namespace: string,
  name: string,
  ...containers: readonly string[]
): Promise<Pod> {
  return untilPodIs(namespace, name, `${containers.join(", ")} ended`, (pod) =>
    containers.every((container) => statusOf(pod, container)?.state.terminated !== undefined),
  );
}
