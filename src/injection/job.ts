/**
 * The parts of a batch/v1 Job that a plan reads. The objects are the caller's own, never copies.
 * Fields that aren't named here are never touched, so future ones survive.
 */
import {
  anything,
  boolean,
  integer,
  listOf,
  mapOfStrings,
  objectWith,
  optional,
  string,
  textOfAtMost,
} from "./shape.ts";

type Maybe<T> = T | null | undefined;

export interface Metadata {
  /** Only {@link namesOf} reads these three, and it checks their types. */
  readonly name?: unknown;
  readonly generateName?: unknown;
  readonly ownerReferences?: unknown;
  readonly labels?: Maybe<Readonly<Record<string, string>>>;
  readonly annotations?: Maybe<Readonly<Record<string, string>>>;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: Maybe<boolean>;
  readonly subPath?: Maybe<string>;
  readonly subPathExpr?: Maybe<string>;
}

/** A rule of KEP-5307: what to do if this container exits with these codes. */
export interface RestartRule {
  readonly exitCodes?: Maybe<{ readonly operator?: Maybe<string>; readonly values?: Maybe<readonly number[]> }>;
}

/** A container's. A Pod's has only the first two fields. */
export interface SecurityContext {
  readonly runAsUser?: Maybe<number>;
  readonly runAsNonRoot?: Maybe<boolean>;
  readonly privileged?: Maybe<boolean>;
  readonly capabilities?: Maybe<{ readonly add?: Maybe<readonly string[]>; readonly drop?: Maybe<readonly string[]> }>;
}

export interface Container {
  readonly name: string;
  readonly image?: Maybe<string>;
  readonly command?: Maybe<readonly string[]>;
  readonly args?: Maybe<readonly string[]>;
  readonly env?: unknown;
  readonly volumeMounts?: Maybe<readonly VolumeMount[]>;
  readonly lifecycle?: Maybe<{
    readonly preStop?: unknown;
    readonly postStart?: unknown;
    readonly stopSignal?: Maybe<string>;
  }>;
  readonly livenessProbe?: unknown;
  readonly startupProbe?: unknown;
  readonly tty?: Maybe<boolean>;
  readonly securityContext?: Maybe<SecurityContext>;
  readonly restartPolicy?: Maybe<string>;
  readonly restartPolicyRules?: Maybe<readonly RestartRule[]>;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: unknown;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: Maybe<readonly Container[]>;
  readonly volumes?: Maybe<readonly Volume[]>;
  readonly restartPolicy?: Maybe<string>;
  readonly terminationGracePeriodSeconds?: Maybe<number>;
  readonly securityContext?: Maybe<Pick<SecurityContext, "runAsUser" | "runAsNonRoot">>;
  readonly os?: Maybe<{ readonly name?: Maybe<string> }>;
  readonly nodeSelector?: Maybe<Readonly<Record<string, string>>>;
}

export interface PodFailurePolicyRule {
  readonly onExitCodes?: Maybe<{ readonly containerName?: Maybe<string> }>;
}

export interface Job {
  readonly metadata?: Maybe<Metadata>;
  readonly spec: {
    readonly template: { readonly metadata?: Maybe<Metadata>; readonly spec: PodSpec };
    /** Only updates read it. */
    readonly suspend?: Maybe<boolean>;
    readonly podFailurePolicy?: Maybe<{ readonly rules?: Maybe<readonly PodFailurePolicyRule[]> }>;
  };
}

/**
 * More wrapped sidecars than etcd could store in one Job (1.5 MB, at 6 KB each), and far more
 * containers than any Pod has. Without a limit, a Job of 3 MB, which the API server would refuse in
 * the end, would need a patch of 300 MB.
 */
const MAX_CONTAINERS = 256;
/** For the volumes of a Pod, and for the mounts of a container. */
const MAX_VOLUMES = 1024;
/**
 * An RFC 1123 label: the API server accepts none that's longer. Every sidecar's wrapper holds the
 * names of all mains.
 */
const containerName = textOfAtMost(63);

const strings = optional(listOf(string));

const metadata = optional(objectWith({ labels: optional(mapOfStrings), annotations: optional(mapOfStrings) }));

const restartRule = objectWith({
  exitCodes: optional(objectWith({ operator: optional(string), values: optional(listOf(integer)) })),
});

const ofAnyUser = { runAsUser: optional(integer), runAsNonRoot: optional(boolean) };

const container = objectWith({
  name: containerName,
  image: optional(string),
  command: strings,
  args: strings,
  volumeMounts: optional(
    listOf(
      objectWith({
        name: string,
        mountPath: string,
        readOnly: optional(boolean),
        subPath: optional(string),
        subPathExpr: optional(string),
      }),
      MAX_VOLUMES,
    ),
  ),
  lifecycle: optional(objectWith({ preStop: anything, stopSignal: optional(string) })),
  tty: optional(boolean),
  securityContext: optional(
    objectWith({
      ...ofAnyUser,
      privileged: optional(boolean),
      capabilities: optional(objectWith({ add: strings, drop: strings })),
    }),
  ),
  restartPolicy: optional(string),
  restartPolicyRules: optional(listOf(restartRule)),
});

const job = objectWith({
  metadata,
  spec: objectWith({
    template: objectWith({
      metadata,
      spec: objectWith({
        containers: listOf(container, MAX_CONTAINERS),
        initContainers: optional(listOf(container, MAX_CONTAINERS)),
        volumes: optional(listOf(objectWith({ name: string }), MAX_VOLUMES)),
        restartPolicy: optional(string),
        terminationGracePeriodSeconds: optional(integer),
        securityContext: optional(objectWith(ofAnyUser)),
        os: optional(objectWith({ name: optional(string) })),
        nodeSelector: optional(mapOfStrings),
      }),
    }),
    suspend: optional(boolean),
    podFailurePolicy: optional(
      objectWith({
        rules: optional(listOf(objectWith({ onExitCodes: optional(objectWith({ containerName: optional(string) })) }))),
      }),
    ),
  }),
});

/** The value as a Job, or what's wrong with it: a JSON Pointer and what should be there. */
export function parseJob(value: unknown): { readonly job: Job } | { readonly problem: string } {
  const problem = job(value);
  return problem === undefined
    ? { job: value as Job }
    : { problem: problem.startsWith(" ") ? `it${problem}` : problem };
}

/**
 * A CronJob's `spec.jobTemplate`, which has the shape of a Job, or what's wrong, as in {@link
 * parseJob}.
 */
export function parseCronJob(value: unknown): { readonly jobTemplate: Job } | { readonly problem: string } {
  const problem = objectWith({ spec: objectWith({ jobTemplate: job }) })(value);
  return problem === undefined
    ? { jobTemplate: (value as { spec: { jobTemplate: Job } }).spec.jobTemplate }
    : { problem: problem.startsWith(" ") ? `it${problem}` : problem };
}

/**
 * A Job's names: its name; the prefix, if the API server generates the name (the Job has none yet
 * when it's reviewed); and the name of the CronJob that made it, as the Job's name is made from
 * that.
 */
export function namesOf({ name, generateName, ownerReferences }: Metadata): readonly string[] {
  const names = typeof name === "string" ? [name] : [];
  if (typeof generateName === "string") names.push(generateName.replace(/-$/, ""));
  if (!Array.isArray(ownerReferences)) return names;
  for (const owner of ownerReferences as readonly ({ readonly kind?: unknown; readonly name?: unknown } | null)[]) {
    if (owner?.kind === "CronJob" && typeof owner.name === "string") names.push(owner.name);
  }
  return names;
}

/** Whether an init container runs next to the main containers and is restarted (KEP-753). */
export function isNativeSidecar(initContainer: Container): boolean {
  return initContainer.restartPolicy === "Always";
}

/**
 * The Pod's grace period in seconds, or Kubernetes' default if the template doesn't set one
 * (batch/v1 defaults).
 */
export function gracePeriodOf(spec: PodSpec): number {
  return Math.max(spec.terminationGracePeriodSeconds ?? 30, 0);
}

/** Whether the Pod can only run on Windows. */
export function isWindows(spec: PodSpec): boolean {
  return spec.os?.name === "windows" || spec.nodeSelector?.["kubernetes.io/os"] === "windows";
}

/** Whether this container's own policy or rules restart it after it exits with 0 (KEP-5307). */
export function restartsAfterSuccess(container: Container): boolean {
  if (container.restartPolicy === "Always") return true;
  return (container.restartPolicyRules ?? []).some(({ exitCodes }) => {
    const named = exitCodes?.values?.includes(0) ?? false;
    return exitCodes?.operator === "NotIn" ? !named : named;
  });
}
