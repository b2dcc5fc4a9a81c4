/**
 * What a plan writes on the Job and on its Pod template: what was done, and the roles behind it.
 * Policies check the Job and its Pods against it, container by container, and later passes continue
 * from it: another one over the Job, and the one over each Pod (late-containers.ts).
 */
import {
  IGNORE_ANNOTATION,
  INJECTED_KEY,
  LATE_CONTAINERS_ANNOTATION,
  LATE_LEFT_ANNOTATION,
  LATE_MOVED_ANNOTATION,
  MAIN_ANNOTATION,
  SIDECARS_ANNOTATION,
} from "./names.ts";
import { isNativeSidecar, type Job, type Metadata, type Places } from "./job.ts";
import { mark } from "./patch.ts";
import type { PatchOperation } from "./plan.ts";

/** Names of containers, in the Pod's order. */
export interface RecordedRoles {
  readonly mains: readonly string[];
  readonly sidecars: readonly string[];
  readonly ignored: readonly string[];
}

/** What a plan has to record. */
export interface Findings {
  readonly done: "trap" | "native" | "none";
  readonly roles: RecordedRoles;
  readonly lateContainers?: "ignore" | undefined;
}

/** Annotations for roles. On a Pod the author's own have the same keys, and stay as they are. */
const ROLE_ANNOTATIONS = [MAIN_ANNOTATION, SIDECARS_ANNOTATION, IGNORE_ANNOTATION] as const;

/** The annotations that Curfew writes on Pods or their template. The first one goes on the Job, too. */
export const RECORD_ANNOTATIONS = [
  INJECTED_KEY,
  ...ROLE_ANNOTATIONS,
  LATE_CONTAINERS_ANNOTATION,
  LATE_MOVED_ANNOTATION,
  LATE_LEFT_ANNOTATION,
] as const;

/** The patch that records what was found. There's no operation for what's recorded already. */
export function recordPatch(places: Places, job: Job, findings: Findings): readonly PatchOperation[] {
  const marker = { [INJECTED_KEY]: findings.done };
  const { metadata } = job.spec.template;
  const annotations = recordOf(findings);
  if (places.job === undefined) {
    const own = pick(metadata?.annotations ?? {}, ROLE_ANNOTATIONS);
    return mark(`${places.template}/metadata`, metadata, { annotations: { ...annotations, ...own } });
  }
  // Somebody may have put settings there, which the Pods' pass would take for the record. An empty
  // value can be put back when the manifest is applied again, but a removed one couldn't be.
  for (const key of RECORD_ANNOTATIONS) if (metadata?.annotations?.[key] !== undefined) annotations[key] ??= "";
  return [
    ...mark(`${places.job}/metadata`, job.metadata, { annotations: marker }),
    ...mark(`${places.template}/metadata`, metadata, { labels: marker, annotations }),
  ];
}

/** The members of `from` that have these keys. */
export function pick(from: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

function recordOf({ done, roles, lateContainers }: Findings): Record<string, string> {
  const record: Record<string, string> = { [INJECTED_KEY]: done };
  if (roles.mains.length > 0) record[MAIN_ANNOTATION] = roles.mains.join(",");
  if (roles.sidecars.length > 0) record[SIDECARS_ANNOTATION] = roles.sidecars.join(",");
  if (roles.ignored.length > 0) record[IGNORE_ANNOTATION] = roles.ignored.join(",");
  if (lateContainers) record[LATE_CONTAINERS_ANNOTATION] = lateContainers;
  return record;
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
  if (annotations?.[INJECTED_KEY] !== "native") return undefined;
  const sidecars = namesIn(annotations[SIDECARS_ANNOTATION]);
  if (sidecars.size === 0) return undefined;
  const moved = (template.spec.initContainers ?? []).filter(({ name }) => sidecars.has(name));
  if (moved.length < sidecars.size) return undefined;
  return { mains: namesIn(annotations[MAIN_ANNOTATION]), sidecars, isStripped: !moved.every(isNativeSidecar) };
}

/** The roles that the record on a Pod names, and the late containers that were moved before. */
export interface PodRecord {
  readonly mains: ReadonlySet<string>;
  readonly sidecars: ReadonlySet<string>;
  readonly ignored: ReadonlySet<string>;
  readonly moved: ReadonlySet<string>;
}

/** Reads the record on a Pod. Undefined: there's none, or it names no main container. */
export function podRecord(metadata: Metadata | null | undefined): PodRecord | undefined {
  const annotations = metadata?.annotations;
  if (annotations?.[INJECTED_KEY] === undefined) return undefined;
  const mains = namesIn(annotations[MAIN_ANNOTATION]);
  if (mains.size === 0) return undefined;
  return {
    mains,
    sidecars: namesIn(annotations[SIDECARS_ANNOTATION]),
    ignored: namesIn(annotations[IGNORE_ANNOTATION]),
    moved: namesIn(annotations[LATE_MOVED_ANNOTATION]),
  };
}

/** People put spaces after the commas; on a Pod their own annotation is the record. */
function namesIn(list: string | undefined): ReadonlySet<string> {
  const names = (list ?? "").split(",").map((name) => name.trim());
  return new Set(names.filter((name) => name !== ""));
}
