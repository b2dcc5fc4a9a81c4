/**
 * If there's no Job or CronJob: what there was instead, and why nothing is done. Most likely
 * somebody expected otherwise.
 */
import { nearest } from "../injection/nearest.ts";
import { ENABLED_KEY } from "../injection/names.ts";
import { showName } from "../injection/quote.ts";
import { findObjects, valueAt } from "./find-jobs.ts";
import { manifestsOf, type ManifestFile } from "./manifests.ts";

/** Characters. With the command's name in front, a line fits 120 columns. */
const MAX_LENGTH = 104;

const RUNS_FOR_EVER = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"];

/** What `files` hold, given that they hold no Job or CronJob: one to three lines. */
export function nothingFound(files: readonly ManifestFile[]): string[] {
  const where = files.length === 1 ? (files[0]?.name ?? "") : `these ${files.length} files`;
  const values = files.flatMap(manifestsOf).flatMap(({ value }) => (value === null ? [] : [value]));
  const head = `There's no Job or CronJob in ${where}`;
  if (values.length === 0) return [cut(`${head}: ${files.length === 1 ? "it's" : "they're"} empty.`)];
  const found = values.flatMap((value) => (Array.isArray(value) ? [value] : objectsIn(value)));
  const reasons = new Set(found.map(reasonFor).filter((reason) => reason !== undefined));
  const [first, ...others] = reasons;
  const more = others.length > 1 ? [`And ${others.length} more like this.`] : others;
  return [`${head}, only ${listKinds(found)}.`, ...(first === undefined ? [] : [first]), ...more].map(cut);
}

function objectsIn(value: unknown): unknown[] {
  return typeof value === "object" ? findObjects(value).map(({ value }) => value) : [value];
}

/** `Deployment, Service (2), Job of batch/v1beta1` */
function listKinds(found: readonly unknown[]): string {
  const counted = [...Map.groupBy(found, describe)].map(([kind, { length }]) =>
    length === 1 ? kind : `${kind} (${length})`,
  );
  return [...counted.slice(0, 4), ...(counted.length > 4 ? ["and others"] : [])].join(", ");
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value !== "object") return "plain text";
  const kind = valueAt(value, "kind");
  if (typeof kind !== "string") return "an object without a kind";
  if (kind !== "Job" && kind !== "CronJob") return show(kind);
  const apiVersion = valueAt(value, "apiVersion");
  return typeof apiVersion === "string" ? `${kind} of ${show(apiVersion)}` : `${kind} without apiVersion`;
}

function reasonFor(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    return "A bare list isn't a manifest: put it under items, in an object with apiVersion: v1 and kind: List.";
  }
  return typeof value === "object"
    ? reasonForObject(value)
    : "Plain text isn't a manifest: a manifest is an object with an apiVersion and a kind.";
}

function reasonForObject(object: unknown): string | undefined {
  const kind = valueAt(object, "kind");
  if (typeof kind !== "string") return undefined;
  const label = valueAt(object, "metadata", "labels", ENABLED_KEY) === "true" ? "; its label has no effect" : "";
  if (kind === "Job" || kind === "CronJob") return reasonForVersion(kind, valueAt(object, "apiVersion"));
  const meant = nearest(kind.toLowerCase(), ["job", "cronjob"]);
  if (meant !== undefined)
    return `Kubernetes has no kind: ${show(kind)}. Did you mean ${meant === "job" ? "Job" : "CronJob"}?`;
  if (RUNS_FOR_EVER.includes(kind)) return `A ${kind} runs forever, so it isn't for Curfew${label}.`;
  if (kind === "Pod") return `Curfew patches Jobs, not Pods: put the Pod's spec into a Job's spec.template${label}.`;
  return hasPodTemplate(object) || label !== ""
    ? `Curfew patches the Jobs and CronJobs of batch/v1, not a ${show(kind)}${label}.`
    : undefined;
}

function reasonForVersion(kind: "Job" | "CronJob", apiVersion: unknown): string {
  const right = `a ${kind} has apiVersion: batch/v1`;
  if (typeof apiVersion !== "string") return `The apiVersion is missing: ${right}.`;
  if (apiVersion === "batch/v1beta1" || apiVersion === "batch/v2alpha1") {
    return `Kubernetes 1.25 and later have no apiVersion: ${apiVersion}; ${right}.`;
  }
  const domain = apiVersion.split("/")[0] ?? "";
  if (domain.includes(".")) return `This ${kind} belongs to ${show(domain)}; Curfew patches those of batch/v1.`;
  return `apiVersion: ${show(apiVersion)} has no ${kind}: ${right}.`;
}

/** For any kind, as somebody might think that its Pods end like a Job's. */
function hasPodTemplate(object: unknown): boolean {
  return ["template", "templates", "jobTemplate", "podTemplate"].some(
    (key) => valueAt(object, "spec", key) !== undefined,
  );
}

/** Cut at a length that no real kind or apiVersion reaches. */
function show(text: string): string {
  return showName(text.slice(0, 40));
}

function cut(line: string): string {
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH - 1)}…` : line;
}
