/** The Job that runs a Buildkite agent for one Buildkite job. Pure: the same input gives the same Job, so that a name says what is in it. */
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { Container, QueueConfig, TaggedTemplate } from "../config/dispatch-config.ts";
import { toLabelValue } from "./label-value.ts";

export const JOB_LABEL = "curfew.sh/buildkite-job";
export const QUEUE_LABEL = "curfew.sh/buildkite-queue";
export const ATTEMPT_LABEL = "curfew.sh/buildkite-attempt";
const PIPELINE_LABEL = "curfew.sh/buildkite-pipeline";
const BRANCH_LABEL = "curfew.sh/buildkite-branch";
/** The Buildkite job as it was heard of, JSON: what any replica needs to make the next attempt, should this one's Pod die. */
export const BUILDKITE_JOB_ANNOTATION = "curfew.sh/buildkite-job";
/** Far more than any real one takes. Without it the next attempt waits for the end of the reservation; too much of it, and the Job is refused. */
const MAX_NOTE_LENGTH = 2048;
/** The name that agent-stack-k8s gives it, so that tools which look for it find it. */
const BUILD_URL_ANNOTATION = "buildkite.com/build-url";

export interface AgentJobRequest {
  readonly buildkiteJob: BuildkiteJob;
  readonly queue: QueueConfig;
  readonly template: TaggedTemplate;
  /** 1, or more where an earlier Job for the same Buildkite job ended without it having run. */
  readonly attempt: number;
  /** In acquire mode: what lets the agent take this one job. */
  readonly acquisitionToken?: string;
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

/** The name is the deduplication: two replicas, or two deliveries, cannot make two Jobs of one attempt. */
export function agentJobName(buildkiteJobId: string, attempt: number): string {
  return `buildkite-${buildkiteJobId}${attempt > 1 ? `-${attempt}` : ""}`;
}

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
      // A Pod that died must not be restarted in the dark: whether the Buildkite job still wants an agent is Buildkite's to say.
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
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
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

/** Sets the agent's own settings; what the template says of the same variables gives way, all else stays in its place. */
function withAgentEnv(container: Container, request: AgentJobRequest): Container {
  const ours = agentEnv(request);
  const names = new Set(ours.map(({ name }) => name));
  return { ...container, env: [...(container.env ?? []).filter(({ name }) => !names.has(name)), ...ours] };
}

/** https://buildkite.com/docs/agent/cli/reference/start; the renamed ones of v4: https://buildkite.com/docs/agent/v4-upgrade-guide. */
function agentEnv({
  buildkiteJob,
  queue,
  template,
  acquisitionToken,
}: AgentJobRequest): { name: string; value: string }[] {
  const cancelGrace = queue.cancelGraceSeconds;
  const tags = [`queue=${queue.name}`, ...Object.entries(template.tags).map(([key, value]) => `${key}=${value}`)];
  const env: Record<string, string | undefined> = {
    BUILDKITE_AGENT_TAGS: tags.join(","),
    [queue.agentVersion === 3 ? "BUILDKITE_CANCEL_GRACE_PERIOD" : "BUILDKITE_CANCEL_SIGNAL_TIMEOUT"]:
      cancelGrace === undefined ? undefined : queue.agentVersion === 3 ? String(cancelGrace) : `${cancelGrace}s`,
    ...(queue.mode === "acquire"
      ? { BUILDKITE_AGENT_ACQUIRE_JOB: buildkiteJob.id, BUILDKITE_AGENT_TOKEN: acquisitionToken }
      : {
          BUILDKITE_AGENT_DISCONNECT_AFTER_JOB: "true",
          BUILDKITE_AGENT_DISCONNECT_AFTER_IDLE_TIMEOUT: String(queue.idleTimeoutSeconds),
        }),
  };
  return Object.entries(compact(env)).map(([name, value]) => ({ name, value }));
}

function compact(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
