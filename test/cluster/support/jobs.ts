/**
 * What tests ask about Jobs and their Pods: how they ended, when, and what their containers said.
 */
import { accepted, create, pathOf, request, type Answer } from "./api.ts";
import { until } from "./until.ts";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Metadata {
  readonly name: string;
  readonly uid: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly metadata: Metadata;
  readonly spec: {
    readonly template: { readonly metadata: object; readonly spec: PodSpec };
    readonly [field: string]: unknown;
  };
  readonly status: {
    readonly active?: number;
    readonly terminating?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly completedIndexes?: string;
    readonly conditions?: readonly Condition[];
  };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly [field: string]: unknown;
}

/** How a container ended, as kubelet reports it. Times have a resolution of a second. */
export interface Termination {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount: number;
  readonly started?: boolean;
  readonly state: { readonly running?: { readonly startedAt: string }; readonly terminated?: Termination };
  readonly lastState: { readonly terminated?: Termination };
}

export interface Pod {
  readonly metadata: Metadata & { readonly deletionTimestamp?: string };
  readonly spec: PodSpec;
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly conditions?: readonly Condition[];
  };
}

/** Creates a Job, and returns it as the API server stored it, patched or not. */
export async function createJob(namespace: string, job: object): Promise<Job> {
  return accepted((await create(namespace, job)) as unknown as Answer<Job>);
}

export async function getJob(namespace: string, name: string): Promise<Job> {
  return accepted(await request<Job>("GET", pathOf("Job", namespace, name)));
}

/** A Job's Pods, oldest first. */
export async function podsOf(namespace: string, job: string): Promise<readonly Pod[]> {
  const query = `?labelSelector=batch.kubernetes.io/job-name%3D${job}`;
  const { items } = accepted(await request<{ items: Pod[] }>("GET", `${pathOf("Pod", namespace)}${query}`));
  const created = (pod: Pod): string => (pod.metadata as unknown as { creationTimestamp: string }).creationTimestamp;
  return items.toSorted((a, b) => created(a).localeCompare(created(b)));
}

/** A Job that ended, with its Pods. */
export interface EndedJob {
  readonly outcome: "Complete" | "Failed";
  readonly reason: string | undefined;
  readonly job: Job;
  readonly pods: readonly Pod[];
  /** The only Pod; throws if there isn't exactly one. */
  readonly pod: Pod;
}

/** Waits until the Job is Complete or Failed. */
export async function untilEnded(namespace: string, name: string, seconds = 200): Promise<EndedJob> {
  const { job, condition } = await until(
    `Job ${name} ends`,
    async () => {
      const job = await getJob(namespace, name);
      const condition = job.status.conditions?.find(
        ({ type, status }) => /^(Complete|Failed)$/.test(type) && status === "True",
      );
      return condition && { job, condition };
    },
    seconds,
  );
  const pods = await podsOf(namespace, name);
  return {
    outcome: condition.type as EndedJob["outcome"],
    reason: condition.reason,
    job,
    pods,
    get pod() {
      const [pod] = pods;
      if (pod === undefined || pods.length > 1) throw new Error(`Job ${name} has ${pods.length} Pods`);
      return pod;
    },
  };
}

/** Creates a Job and waits for its end. */
export async function runJob(
  namespace: string,
  job: { metadata: { name: string } },
  seconds?: number,
): Promise<EndedJob> {
  await createJob(namespace, job);
  return untilEnded(namespace, job.metadata.name, seconds);
}

export function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  const all = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  return all.find(({ name }) => name === container);
}

/** How a container ended; throws if it hasn't. */
export function endOf(pod: Pod, container: string): Termination {
  const ended = statusOf(pod, container)?.state.terminated;
  if (ended === undefined) throw new Error(`${container} has not ended: ${JSON.stringify(statusOf(pod, container))}`);
  return ended;
}

/** Waits until a Job's newest Pod satisfies `look`. */
export async function untilPod(
  namespace: string,
  job: string,
  what: string,
  look: (pod: Pod) => boolean,
  seconds = 150,
): Promise<Pod> {
  return until(
    `the Pod of ${job}: ${what}`,
    async () => {
      const pod = (await podsOf(namespace, job)).at(-1);
      return pod !== undefined && look(pod) ? pod : undefined;
    },
    seconds,
  );
}

export async function untilRunning(namespace: string, job: string, ...containers: readonly string[]): Promise<Pod> {
  return untilPod(namespace, job, `${containers.join(", ")} running`, (pod) =>
    containers.every((name) => statusOf(pod, name)?.state.running !== undefined),
  );
}

/** What a container has written so far. */
export async function logsOf(namespace: string, pod: Pod, container: string): Promise<string> {
  const path = `${pathOf("Pod", namespace, pod.metadata.name)}/log?container=${container}`;
  const { status, body } = await request<{ message: string }>("GET", path);
  if (status !== 200) throw new Error(`no logs of ${container}: ${body.message}`);
  return body.message;
}

/** The same, without what Curfew's wrapper says, which can come at any time. */
export async function outputOf(namespace: string, pod: Pod, container: string): Promise<string> {
  return (await logsOf(namespace, pod, container)).replaceAll(/^curfew: .*\n/gm, "");
}

/** Waits until a container has written `text`. */
export async function untilLogged(
  namespace: string,
  job: string,
  container: string,
  text: string,
  seconds = 150,
): Promise<Pod> {
  const pod = await untilRunning(namespace, job, container);
  await until(
    `${container} writes ${text}`,
    async () => (await logsOf(namespace, pod, container)).includes(text),
    seconds,
  );
  return pod;
}
