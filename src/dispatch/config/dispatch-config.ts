/**
 * The dispatcher's configuration, checked: what an operator decides about queues and their Jobs.
 */
import type { WebhookSecrets } from "../buildkite/signature.ts";

/**
 * A Job as an operator writes it. Curfew checks only what it needs, and the API server checks the
 * rest.
 */
export interface JobTemplate {
  readonly metadata?: JobTemplateMeta | undefined;
  readonly spec: {
    readonly template: { readonly metadata?: JobTemplateMeta | undefined; readonly spec: PodSpec } & Readonly<
      Record<string, unknown>
    >;
  } & Readonly<Record<string, unknown>>;
}
interface JobTemplateMeta {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}
type PodSpec = { readonly containers: readonly Container[] } & Readonly<Record<string, unknown>>;
export type Container = { readonly name: string; readonly env?: readonly EnvVar[] | undefined } & Readonly<
  Record<string, unknown>
>;
type EnvVar = { readonly name: string } & Readonly<Record<string, unknown>>;

/** A template and the agent tags that it serves, besides the queue's. */
export interface TaggedTemplate {
  readonly tags: Readonly<Record<string, string>>;
  readonly job: JobTemplate;
}

export interface QueueConfig {
  /** The queue's key, as in `agents: { queue: … }`. */
  readonly name: string;
  /** The cluster queue's UUID, if it's to be compared with the jobs'. */
  readonly id?: string | undefined;
  /** Whether it takes jobs that name no queue. */
  readonly default: boolean;
  readonly mode: "queue" | "acquire";
  readonly namespace: string;
  /** The most unfinished Jobs that this queue can have. Undefined: no limit but the cluster's. */
  readonly maxInFlight?: number | undefined;
  readonly agentContainer: string;
  readonly agentVersion: 3 | 4;
  readonly idleTimeoutSeconds: number;
  readonly cancelGraceSeconds?: number | undefined;
  readonly ttlSecondsAfterFinished: number;
  readonly activeDeadlineSeconds: number;
  /** How many Jobs a Buildkite job gets in acquire mode before it's failed with a reason. */
  readonly maxAttempts: number;
  /** How long a Job's Pod can wait for a node or its images before its Buildkite job is failed. */
  readonly pendingTimeoutSeconds: number;
  /**
   * The pause before a second Job for the same Buildkite job. It's doubled for each further one.
   */
  readonly retrySeconds: number;
  readonly reservationSeconds: number;
  /** The Buildkite priority from which Jobs get each PriorityClass, highest first. */
  readonly priorityClasses: readonly { readonly minimum: number; readonly name: string }[];
  /** In the order in which they're tried. The last one has no tags and serves the rest. */
  readonly templates: readonly TaggedTemplate[];
}

export interface DispatchConfig {
  readonly organization?: string | undefined;
  readonly cluster?: string | undefined;
  readonly webhook: WebhookSecrets;
  /** How long a delivery can take, retries included, before it's answered with 503. */
  readonly requestBudgetSeconds: number;
  /** If a delivery comes later than this after its job began to wait, Buildkite is asked first. */
  readonly lateAfterSeconds: number;
  /** Undefined: webhooks only. */
  readonly stacks?: StacksConfig | undefined;
  readonly queues: readonly QueueConfig[];
}

export interface StacksConfig {
  readonly agentToken: string;
  readonly endpoint: string;
  readonly stackKey: string;
  readonly intervalSeconds: number;
}
