/**
 * What a plan writes on the Job and on its Pod template: what was done, and the roles behind it.
 * Policies check the Job and its Pods against it, container by container, and a later pass
 * continues from it.
 */
import { INJECTED_ANNOTATION, MAIN_ANNOTATION, SIDECARS_ANNOTATION } from "./names.ts";
import { isNativeSidecar, type Job } from "./job.ts";
import { annotate } from "./patch.ts";
import type { PatchOperation } from "./plan.ts";

/** Names of containers, in the Pod's order. */
export interface RecordedRoles {
  readonly mains: readonly string[];
  readonly sidecars: readonly string[];
}

/** The annotations that a plan writes on the Pod template. The first one goes on the Job, too. */
export const RECORD_ANNOTATIONS = [INJECTED_ANNOTATION, MAIN_ANNOTATION, SIDECARS_ANNOTATION] as const;

/**
 * The patch that records what was done. `base` is as in `planWorkload`. `roles` is absent if
 * there's only one container. There's no operation for what's recorded already.
 */
export function recordPatch(
  base: string,
  job: Job,
  done: "trap" | "native" | "none",
  roles?: RecordedRoles,
): readonly PatchOperation[] {
  const onTemplate: Record<string, string> = { [INJECTED_ANNOTATION]: done };
  if (roles && roles.mains.length > 0) onTemplate[MAIN_ANNOTATION] = roles.mains.join(",");
  if (roles && roles.sidecars.length > 0) onTemplate[SIDECARS_ANNOTATION] = roles.sidecars.join(",");
  return [
    ...annotate(`${base}/metadata`, job.metadata, { [INJECTED_ANNOTATION]: done }),
    ...annotate(`${base}/spec/template/metadata`, job.spec.template.metadata, onTemplate),
  ];
}

/** What an earlier pass recorded about a Job that it made native. */
export interface EarlierNative {
  readonly mains: ReadonlySet<string>;
  readonly sidecars: ReadonlySet<string>;
  /**
   * One of the sidecars has lost its `restartPolicy: Always`, so the Pod would never start.
   * Webhooks that decode Pods with types older than Kubernetes 1.28 do this.
   */
  readonly isStripped: boolean;
}

/**
 * The record of an earlier pass that made the Job native. Undefined: there's no record, or the Job
 * doesn't match it. So annotations that were copied or written by hand prove nothing.
 */
export function earlierNative({ spec: { template } }: Job): EarlierNative | undefined {
  const annotations = template.metadata?.annotations;
  if (annotations?.[INJECTED_ANNOTATION] !== "native") return undefined;
  const sidecars = namesIn(annotations[SIDECARS_ANNOTATION]);
  if (sidecars.size === 0) return undefined;
  const moved = (template.spec.initContainers ?? []).filter(({ name }) => sidecars.has(name));
  if (moved.length < sidecars.size) return undefined;
  return { mains: namesIn(annotations[MAIN_ANNOTATION]), sidecars, isStripped: !moved.every(isNativeSidecar) };
}

function namesIn(list: string | undefined): ReadonlySet<string> {
  return new Set((list ?? "").split(",").filter((name) => name !== ""));
}
