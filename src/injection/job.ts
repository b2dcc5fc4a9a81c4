/**
 * The parts of a batch/v1 Job that a plan reads. The objects are the caller's own, never copies.
 * Fields that aren't named here are never touched, so future ones survive.
 */

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

/** A Pod, or the template of one. */
export interface PodTemplate {
  readonly metadata?: Maybe<Metadata>;
  readonly spec: PodSpec;
}

export interface Job {
  readonly metadata?: Maybe<Metadata>;
  readonly spec: {
    readonly template: PodTemplate;
    /** Only updates read it. */
    readonly suspend?: Maybe<boolean>;
    readonly podFailurePolicy?: Maybe<{ readonly rules?: Maybe<readonly PodFailurePolicyRule[]> }>;
  };
}

/** Where a Job and its Pod template are in the object that a patch is for, as JSON Pointers. */
export interface Places {
  /** Undefined: the object is a Pod, and there's no Job. */
  readonly job: string | undefined;
  readonly template: string;
}

export const IN_JOB: Places = { job: "", template: "/spec/template" };
export const IN_CRON_JOB: Places = { job: "/spec/jobTemplate", template: "/spec/jobTemplate/spec/template" };
/** A Pod is planned as a Job whose template it is, and that has the Pod's own metadata. */
export const IN_POD: Places = { job: undefined, template: "" };

/** A Pod as a Job, for {@link IN_POD}. */
export function asJob(pod: PodTemplate): Job {
  return { metadata: pod.metadata, spec: { template: pod } };
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

/** A Pod's names: its own, the prefix of a generated one, and the names of its owners of any kind. */
export function podNamesOf({ name, generateName, ownerReferences }: Metadata): readonly string[] {
  const names = namesOf({ name, generateName }).slice();
  if (!Array.isArray(ownerReferences)) return names;
  for (const owner of ownerReferences as readonly ({ readonly name?: unknown } | null)[]) {
    if (typeof owner?.name === "string") names.push(owner.name);
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
