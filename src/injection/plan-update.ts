/**
 * A Job's template is immutable. Once it's patched, applying the same manifest again would fail, as
 * the manifest doesn't hold what was injected. So if an update sends what the original manifest
 * had, Curfew puts back what the old object has. The API server judges everything else. Nothing is
 * planned again, so this works across versions of the wrapper.
 */
import { isCurfewAnnotation } from "./annotations.ts";
import { equal } from "./equal.ts";
import { isNativeSidecar, type Container, type Job, type Volume } from "./job.ts";
import { parseJob } from "./parse-job.ts";
import { areNamedRules } from "./native.ts";
import { add, annotate } from "./patch.ts";
import { ENABLED_LABEL, INJECTED_ANNOTATION, MOUNT_PATH } from "./names.ts";
import type { PatchOperation } from "./plan.ts";
import { quote } from "./quote.ts";
import { RECORD_ANNOTATIONS } from "./record.ts";
import { unwrap } from "./wrapper/wrapper.ts";

export interface UpdatePlan {
  readonly patch: readonly PatchOperation[];
  readonly warnings: readonly string[];
}

const POD_SPEC = "/spec/template/spec";

/**
 * Plans the update of a batch/v1 Job from `oldJob` to `newJob`. Never throws: an object that isn't
 * a Job gets no patch, and the API server says what's wrong with it.
 */
export function planUpdate(oldJob: unknown, newJob: unknown): UpdatePlan {
  const before = parseJob(oldJob);
  const after = parseJob(newJob);
  if ("problem" in before || "problem" in after) return { patch: [], warnings: [] };
  // Native sidecars that Curfew didn't make are the author's own.
  const moved = wasMadeNative(before.job) ? restoreMoved(before.job, after.job) : { patch: [], warnings: [] };
  return {
    patch: [
      ...restoreWrapped(before.job, after.job),
      ...moved.patch,
      ...(wasMadeNative(before.job) ? restoreFailurePolicy(before.job, after.job) : []),
      ...restoreRecord(before.job, after.job),
    ],
    warnings: [...moved.warnings, ...lateSettings(before.job, after.job)],
  };
}

function restoreWrapped(before: Job, after: Job): readonly PatchOperation[] {
  const patch: PatchOperation[] = [];
  const oldSpec = before.spec.template.spec;
  const { containers, volumes } = after.spec.template.spec;
  const missing = new Map<string, readonly [number, Volume]>();
  for (const [index, container] of containers.entries()) {
    const old = oldSpec.containers.find(({ name }) => name === container.name);
    const original = old && unwrap(old);
    if (!old || original === undefined || original === "broken") continue;
    const path = `${POD_SPEC}/containers/${index}`;
    // A client-side apply restores one of the two, and leaves the other as it was wrapped.
    const { command, args } = container;
    const unchanged =
      (same(command, original.command) || same(command, old.command)) &&
      (same(args, original.args) || same(args, old.args));
    if (!unchanged) continue;
    if (!same(command, old.command)) patch.push(add(`${path}/command`, old.command));
    if (!same(args, old.args)) patch.push(add(`${path}/args`, old.args));

    const at = (old.volumeMounts ?? []).findIndex(({ mountPath }) => mountPath === MOUNT_PATH);
    const mount = old.volumeMounts?.[at];
    if (!mount) continue;
    if (!(container.volumeMounts ?? []).some(({ mountPath }) => mountPath === MOUNT_PATH)) {
      patch.push(insert(`${path}/volumeMounts`, container.volumeMounts, at, mount));
    }
    const volumeAt = (oldSpec.volumes ?? []).findIndex(({ name }) => name === mount.name);
    const volume = oldSpec.volumes?.[volumeAt];
    if (volume && !(volumes ?? []).some(({ name }) => name === mount.name)) missing.set(mount.name, [volumeAt, volume]);
  }
  for (const [at, volume] of missing.values()) patch.push(insert(`${POD_SPEC}/volumes`, volumes, at, volume));
  return patch;
}

/**
 * Handles sidecars that became init containers, but that the manifest still has among its
 * containers. A changed one goes to the same place. Then the API server judges the change, and
 * accepts what can change while a Job is suspended (KEP-5440: resources).
 */
function restoreMoved(before: Job, after: Job): UpdatePlan {
  const oldSpec = before.spec.template.spec;
  const { containers, initContainers } = after.spec.template.spec;
  const stay = new Set(oldSpec.containers.map(({ name }) => name));
  // The names as the patch so far leaves them.
  const rest = containers.map(({ name }) => name);
  const inits = (initContainers ?? []).map(({ name }) => name);
  const patch: PatchOperation[] = [];
  const warnings: string[] = [];
  for (const [at, old] of (oldSpec.initContainers ?? []).entries()) {
    const returned = containers.find(({ name }) => name === old.name);
    if (!returned || stay.has(old.name) || !isNativeSidecar(old)) continue;
    const from = `${POD_SPEC}/containers/${rest.indexOf(old.name)}`;
    rest.splice(rest.indexOf(old.name), 1);
    const there = inits.indexOf(old.name);
    const to = there === -1 ? Math.min(at, inits.length) : there;
    const path = `${POD_SPEC}/initContainers/${to}`;
    if (!initContainers && inits.length === 0) patch.push(add(`${POD_SPEC}/initContainers`, []));
    if (equal(returned, old, "restartPolicy")) {
      patch.push({ op: "remove", path: from });
      if (there === -1) patch.push(add(path, old));
    } else {
      if (before.spec.suspend !== true) warnings.push(changedSidecar(returned));
      if (there !== -1) patch.push({ op: "remove", path });
      patch.push({ op: "move", from, path }, add(`${path}/restartPolicy`, "Always"));
    }
    if (there === -1) inits.splice(to, 0, old.name);
  }
  return { patch, warnings };
}

function restoreFailurePolicy(before: Job, after: Job): readonly PatchOperation[] {
  const old = before.spec.podFailurePolicy?.rules ?? [];
  const rules = after.spec.podFailurePolicy?.rules ?? [];
  return areNamedRules(old, rules) ? [add("/spec/podFailurePolicy/rules", old)] : [];
}

function wasMadeNative({ metadata, spec }: Job): boolean {
  return [metadata, spec.template.metadata].some((bearer) => bearer?.annotations?.[INJECTED_ANNOTATION] === "native");
}

function restoreRecord(before: Job, after: Job): readonly PatchOperation[] {
  const pairs = [
    ["/metadata", before.metadata, after.metadata, [INJECTED_ANNOTATION]],
    ["/spec/template/metadata", before.spec.template.metadata, after.spec.template.metadata, RECORD_ANNOTATIONS],
  ] as const;
  return pairs.flatMap(([path, old, now, keys]) => {
    const annotations = old?.annotations;
    if (annotations?.[INJECTED_ANNOTATION] === undefined) return [];
    const recorded = keys.flatMap((key): (readonly [string, string])[] => {
      const value = annotations[key];
      return value === undefined ? [] : [[key, value]];
    });
    return annotate(path, now, Object.fromEntries(recorded));
  });
}

/** A Job is planned once, when it is created. */
function lateSettings(before: Job, after: Job): readonly string[] {
  const old = before.metadata?.annotations ?? {};
  const now = after.metadata?.annotations ?? {};
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (key) => isSetting(key) && old[key] !== now[key],
  );
  if (before.metadata?.labels?.[ENABLED_LABEL] !== after.metadata?.labels?.[ENABLED_LABEL]) changed.push(ENABLED_LABEL);
  return changed
    .slice(0, 3)
    .map((key) => `Changing ${quote(key)} has no effect on an existing Job: delete the Job and create it again.`);
}

function isSetting(key: string): boolean {
  return isCurfewAnnotation(key) && key !== INJECTED_ANNOTATION;
}

function changedSidecar({ name }: Container): string {
  return (
    `Curfew runs ${quote(name)} as a native sidecar (in initContainers), and the new manifest changes it. ` +
    "A Job's template can't change unless the Job is suspended: delete the Job and create it again."
  );
}

function same(one: readonly string[] | null | undefined, other: readonly string[] | null | undefined): boolean {
  return equal(one ?? [], other ?? []);
}

/** Puts a value back where it was. */
function insert(path: string, list: readonly unknown[] | null | undefined, at: number, value: unknown): PatchOperation {
  return list ? add(`${path}/${Math.min(at, list.length)}`, value) : add(path, [value]);
}
