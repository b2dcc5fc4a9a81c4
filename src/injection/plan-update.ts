/**
 * A Job's template and a Pod's containers are immutable. Once they're patched, applying the same
 * manifest again would fail, as the manifest doesn't hold what was injected. So if an update sends
 * what the original manifest had, Curfew puts back what the old object has. The API server judges
 * everything else. Nothing is planned again, so this works across versions of the wrapper.
 */
import { isSetting } from "./annotations.ts";
import { equal, includes } from "./equal.ts";
import { asJob, IN_JOB, IN_POD, isNativeSidecar, type Container, type Job, type Places, type Volume } from "./job.ts";
import { parseJob, parsePod } from "./parse-job.ts";
import { areNamedRules } from "./native.ts";
import { add, mark } from "./patch.ts";
import { ENABLED_KEY, INJECTED_KEY, MOUNT_PATH } from "./names.ts";
import type { PatchOperation } from "./plan.ts";
import { quote } from "./quote.ts";
import { pick, RECORD_ANNOTATIONS } from "./record.ts";
import { unwrap } from "./wrapper/wrapper.ts";

export interface UpdatePlan {
  readonly patch: readonly PatchOperation[];
  readonly warnings: readonly string[];
}

/**
 * Plans the update of a batch/v1 Job from `oldJob` to `newJob`. Never throws: an object that isn't
 * a Job gets no patch, and the API server says what's wrong with it.
 */
export function planUpdate(oldJob: unknown, newJob: unknown): UpdatePlan {
  const before = parseJob(oldJob);
  const after = parseJob(newJob);
  if ("problem" in before || "problem" in after) return { patch: [], warnings: [] };
  return restore(IN_JOB, before.job, after.job);
}

/** The same for a v1 Pod that was planned by itself. */
export function planPodUpdate(oldPod: unknown, newPod: unknown): UpdatePlan {
  const before = parsePod(oldPod);
  const after = parsePod(newPod);
  if ("problem" in before || "problem" in after) return { patch: [], warnings: [] };
  return restore(IN_POD, asJob(before.pod), asJob(after.pod));
}

function restore(places: Places, before: Job, after: Job): UpdatePlan {
  const podSpec = `${places.template}/spec`;
  // Native sidecars that Curfew didn't make are the author's own.
  const moved = wasMadeNative(before) ? restoreMoved(places, before, after) : { patch: [], warnings: [] };
  return {
    patch: [
      ...restoreWrapped(podSpec, before, after),
      ...moved.patch,
      ...(wasMadeNative(before) ? restoreFailurePolicy(before, after) : []),
      ...restoreRecord(places, before, after),
    ],
    warnings: [...moved.warnings, ...lateSettings(places, before, after)],
  };
}

function restoreWrapped(podSpec: string, before: Job, after: Job): readonly PatchOperation[] {
  const patch: PatchOperation[] = [];
  const oldSpec = before.spec.template.spec;
  const { containers, volumes } = after.spec.template.spec;
  const missing = new Map<string, readonly [number, Volume]>();
  for (const [index, container] of containers.entries()) {
    const old = oldSpec.containers.find(({ name }) => name === container.name);
    const original = old && unwrap(old);
    if (!old || original === undefined || original === "broken") continue;
    const path = `${podSpec}/containers/${index}`;
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
  for (const [at, volume] of missing.values()) patch.push(insert(`${podSpec}/volumes`, volumes, at, volume));
  return patch;
}

/**
 * Handles sidecars that became init containers, but that the manifest still has among its
 * containers. A changed one goes to the same place. Then the API server judges the change, and
 * accepts what can change while a Job is suspended (KEP-5440: resources).
 */
function restoreMoved(places: Places, before: Job, after: Job): UpdatePlan {
  const podSpec = `${places.template}/spec`;
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
    const from = `${podSpec}/containers/${rest.indexOf(old.name)}`;
    rest.splice(rest.indexOf(old.name), 1);
    const there = inits.indexOf(old.name);
    const to = there === -1 ? Math.min(at, inits.length) : there;
    const path = `${podSpec}/initContainers/${to}`;
    if (!initContainers && inits.length === 0) patch.push(add(`${podSpec}/initContainers`, []));
    if (places.job === undefined && onlyImageChanges(old, returned)) {
      patch.push({ op: "remove", path: from });
      if (there === -1) patch.push(add(path, { ...old, image: returned.image }));
      else if (returned.image !== initContainers?.[there]?.image) patch.push(add(`${path}/image`, returned.image));
    } else if (equal(returned, old, "restartPolicy")) {
      patch.push({ op: "remove", path: from });
      if (there === -1) patch.push(add(path, old));
    } else {
      if (before.spec.suspend !== true) warnings.push(changedSidecar(places, returned));
      if (there !== -1) patch.push({ op: "remove", path });
      patch.push({ op: "move", from, path }, add(`${path}/restartPolicy`, "Always"));
    }
    if (there === -1) inits.splice(to, 0, old.name);
  }
  return { patch, warnings };
}

/** Fields to which the API server's plugins and other webhooks add when a Pod is created. */
const ADDED_TO: ReadonlySet<string> = new Set(["env", "envFrom", "resources", "restartPolicy", "volumeMounts"]);
/** What can change on a running Pod, and what follows from it by default. */
const OF_THE_IMAGE: ReadonlySet<string> = new Set(["image", "imagePullPolicy", "restartPolicy"]);

/** Whether a Pod's container is what it was, but for its image, which can change. */
function onlyImageChanges(old: Container, now: Container): boolean {
  const fields = Object.entries(old) as readonly (readonly [keyof Container, unknown])[];
  const gone = fields.filter(([field, value]) => value != null && now[field] == null);
  return gone.every(([field]) => ADDED_TO.has(field)) && includes(old, now, OF_THE_IMAGE);
}

function restoreFailurePolicy(before: Job, after: Job): readonly PatchOperation[] {
  const old = before.spec.podFailurePolicy?.rules ?? [];
  const rules = after.spec.podFailurePolicy?.rules ?? [];
  return areNamedRules(old, rules) ? [add("/spec/podFailurePolicy/rules", old)] : [];
}

function wasMadeNative({ metadata, spec }: Job): boolean {
  return [metadata, spec.template.metadata].some((bearer) => bearer?.annotations?.[INJECTED_KEY] === "native");
}

function restoreRecord(places: Places, before: Job, after: Job): readonly PatchOperation[] {
  const template = restoreMarks(
    `${places.template}/metadata`,
    before.spec.template,
    after.spec.template,
    RECORD_ANNOTATIONS,
  );
  if (places.job === undefined) return template;
  return [...restoreMarks(`${places.job}/metadata`, before, after, [INJECTED_KEY]), ...template];
}

interface Bearer {
  readonly metadata?: Job["metadata"];
}

function restoreMarks(path: string, old: Bearer, now: Bearer, keys: readonly string[]): readonly PatchOperation[] {
  const { labels, annotations } = old.metadata ?? {};
  if (annotations?.[INJECTED_KEY] === undefined) return [];
  const marks = { annotations: pick(annotations, keys) };
  // A plan by an earlier version didn't write the label.
  if (labels?.[INJECTED_KEY] === undefined) return mark(path, now.metadata, marks);
  return mark(path, now.metadata, { ...marks, labels: pick(labels, [INJECTED_KEY]) });
}

/** A Job is planned once, when it is created. */
function lateSettings(places: Places, before: Job, after: Job): readonly string[] {
  const old = before.metadata?.annotations ?? {};
  const now = after.metadata?.annotations ?? {};
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (key) => isSetting(key) && old[key] !== now[key] && !(places.job === undefined && isRecorded(key, now)),
  );
  const optIns = (["labels", "annotations"] as const).map((field) =>
    [before, after].map(({ metadata }) => metadata?.[field]?.[ENABLED_KEY]),
  );
  if (optIns.some(([was, is]) => was !== is)) changed.push(ENABLED_KEY);
  const kind = places.job === undefined ? "Pod" : "Job";
  return changed
    .slice(0, 3)
    .map(
      (key) => `Changing ${quote(key)} has no effect on an existing ${kind}: delete the ${kind} and create it again.`,
    );
}

/** On a Pod the record has the same keys as the author's own annotations, and is put back. */
function isRecorded(key: string, now: Readonly<Record<string, string>>): boolean {
  return now[key] === undefined && (RECORD_ANNOTATIONS as readonly string[]).includes(key);
}

function changedSidecar(places: Places, { name }: Container): string {
  return (
    `Curfew runs ${quote(name)} as a native sidecar (in initContainers), and the new manifest changes it. ` +
    (places.job === undefined
      ? "Of a Pod's containers only the image can change: delete the Pod and create it again."
      : "A Job's template can't change unless the Job is suspended: delete the Job and create it again.")
  );
}

function same(one: readonly string[] | null | undefined, other: readonly string[] | null | undefined): boolean {
  return equal(one ?? [], other ?? []);
}

/** Puts a value back where it was. */
function insert(path: string, list: readonly unknown[] | null | undefined, at: number, value: unknown): PatchOperation {
  return list ? add(`${path}/${Math.min(at, list.length)}`, value) : add(path, [value]);
}
