/**
 * The Job that runs a Buildkite agent for one Buildkite job. Pure: the same input gives the same
 * Job, so a Job's name says what's in it.
 */
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { Container, QueueConfig, TaggedTemplate } from "../config/dispatch-config.ts";
import { toLabelValue } from "./label-value.ts";

export const JOB_LABEL = "curfew.sh/buildkite-job";
export const QUEUE_LABEL = "curfew.sh/buildkite-queue";
export const ATTEMPT_LABEL = "curfew.sh/buildkite-attempt";
const PIPELINE_LABEL = "curfew.sh/buildkite-pipeline";
const BRANCH_LABEL = "curfew.sh/buildkite-branch";
/**
 * The Buildkite job as JSON: all that any replica needs for the next attempt if this one's Pod
 * dies.
 */
export const BUILDKITE_JOB_ANNOTATION = "curfew.sh/buildkite-job";
/**
 * Far more characters than any real one has. A longer one is left out, as the API server could
 * refuse the Job. Then the next attempt waits until the reservation ends.
 */
const MAX_NOTE_LENGTH = 2048;
/** The key of an agent's token in the Secret that's named after its Job. */
export const TOKEN_KEY = "token";
export const JOB_NAME_PREFIX = "buildkite-";
/** agent-stack-k8s uses the same name, so tools that look for it find it. */
const BUILD_URL_ANNOTATION = "buildkite.com/build-url";

/** Keeps autoscalers from removing the node under a running build to save money. */
const NOT_TO_BE_MOVED = {
  "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
  "karpenter.sh/do-not-disrupt": "true",
} as const;

export interface AgentJobRequest {
  readonly buildkiteJob: BuildkiteJob;
  readonly queue: QueueConfig;
  readonly template: TaggedTemplate;
  /** 1, or more if earlier Jobs for the same Buildkite job ended before it ran. */
  readonly attempt: number;
}

/** A Job, ready to be created. */
export interface AgentJob {
  readonly apiVersion: "batch/v1";
  readonly kind: "Job";
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * The name of an attempt's Job. It prevents duplicates: two replicas, or two deliveries, can't make
 * two Jobs for one attempt.
 */
export function agentJobName(buildkiteJobId: string, attempt: number): string {
  return `${JOB_NAME_PREFIX}${buildkiteJobId}${attempt > 1 ? `-${attempt}` : ""}`;
}

/**
 * Plans the Job for one attempt, from the queue's template. The template wins over the queue's
 * settings, but not over the dispatcher's labels and annotations, the PriorityClass and the agent's
 * own settings.
 */
export function planAgentJob(request: AgentJobRequest): AgentJob {
  const { buildkiteJob, queue, template, attempt } = request;
  const { metadata, spec } = template.job;
  const labels = compact({
    [JOB_LABEL]: buildkiteJob.id,
    [QUEUE_LABEL]: toLabelValue(queue.name),
    [ATTEMPT_LABEL]: String(attempt),
    [PIPELINE_LABEL]: toLabelValue(buildkiteJob.pipeline ?? ""),
    [BRANCH_LABEL]: toLabelValue(buildkiteJob.branch ?? ""),
  });
  const annotations = compact({ [BUILD_URL_ANNOTATION]: buildkiteJob.buildUrl });
  const podMeta = spec.template.metadata;
  const priorityClass = queue.priorityClasses.find(({ minimum }) => buildkiteJob.priority >= minimum);
  const containers = spec.template.spec.containers.map((container) =>
    container.name === queue.agentContainer ? withAgentEnv(container, request) : container,
  );
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: agentJobName(buildkiteJob.id, attempt),
      namespace: queue.namespace,
      ...metadata,
      labels: { ...metadata?.labels, ...labels },
      annotations: {
        ...metadata?.annotations,
        ...annotations,
        ...compact({ [BUILDKITE_JOB_ANNOTATION]: noteOf(buildkiteJob) }),
      },
    },
    spec: {
      // Kubernetes mustn't replace a Pod that died: only Buildkite knows whether the job still
      // needs an agent.
      backoffLimit: 0,
      ttlSecondsAfterFinished: queue.ttlSecondsAfterFinished,
      activeDeadlineSeconds: queue.activeDeadlineSeconds,
      ...spec,
      template: {
        ...spec.template,
        metadata: {
          ...podMeta,
          labels: { ...podMeta?.labels, ...labels },
          annotations: {
            ...NOT_TO_BE_MOVED,
            ...podMeta?.annotations,
            ...annotations,
          },
        },
        spec: {
          ...spec.template.spec,
          ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass.name }),
          containers,
        },
      },
    },
  };
}

function noteOf(buildkiteJob: BuildkiteJob): string | undefined {
  const note = JSON.stringify(buildkiteJob);
  return note.length <= MAX_NOTE_LENGTH ? note : undefined;
}

/**
 * Sets the agent's own settings. They replace the same variables of the template; all others stay
 * in their place.
 */
function withAgentEnv(container: Container, request: AgentJobRequest): Container {
  const ours = agentEnv(request);
  const names = new Set(ours.map(({ name }) => name));
  return { ...container, env: [...(container.env ?? []).filter(({ name }) => !names.has(name)), ...ours] };
}

type EnvVar =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly valueFrom: { readonly secretKeyRef: { name: string; key: string } } };

/**
 * https://buildkite.com/docs/agent/cli/reference/start, and for those that v4 renamed
 * https://buildkite.com/docs/agent/v4-upgrade-guide.
 */
function agentEnv({ buildkiteJob, queue, template, attempt }: AgentJobRequest): EnvVar[] {
  const cancelGrace = queue.cancelGraceSeconds;
  const tags = [`queue=${queue.name}`, ...Object.entries(template.tags).map(([key, value]) => `${key}=${value}`)];
  const env: Record<string, string | undefined> = {
    BUILDKITE_AGENT_TAGS: tags.join(","),
    [queue.agentVersion === 3 ? "BUILDKITE_CANCEL_GRACE_PERIOD" : "BUILDKITE_CANCEL_SIGNAL_TIMEOUT"]:
      cancelGrace === undefined ? undefined : queue.agentVersion === 3 ? String(cancelGrace) : `${cancelGrace}s`,
    ...(queue.mode === "acquire"
      ? { BUILDKITE_AGENT_ACQUIRE_JOB: buildkiteJob.id }
      : {
          BUILDKITE_AGENT_DISCONNECT_AFTER_JOB: "true",
          BUILDKITE_AGENT_DISCONNECT_AFTER_IDLE_TIMEOUT: String(queue.idleTimeoutSeconds),
        }),
  };
  const plain = Object.entries(compact(env)).map(([name, value]) => ({ name, value }));
  if (queue.mode === "queue") return plain;
  // The Secret comes after the Job, which owns it. Until then, kubelet doesn't start the agent.
  const secretKeyRef = { name: agentJobName(buildkiteJob.id, attempt), key: TOKEN_KEY };
  return [...plain, { name: "BUILDKITE_AGENT_TOKEN", valueFrom: { secretKeyRef } }];
}

function compact(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
