/**
 * If there's no Job, CronJob or Pod: what there was instead, and why nothing is done. Most likely
 * somebody expected otherwise.
 */
import { nearest } from "../injection/nearest.ts";
import { ENABLED_KEY } from "../injection/names.ts";
import { showName } from "../injection/quote.ts";
import { findObjects, groupOf, isObject, valueAt } from "./find-objects.ts";
import { showPath, showPlaces, type Path } from "./made-template.ts";
import { manifestsOf, type ManifestFile } from "./manifests.ts";
import { findPodMakers } from "./pod-makers.ts";
import { findUnsuited, reasonAgainst } from "./unsuited.ts";

/** Characters. With the command's name in front, a line fits 120 columns. */
const MAX_LENGTH = 104;

/** What `files` hold, given that they hold no Job, CronJob or Pod: one to three lines. */
export function nothingFound(files: readonly ManifestFile[]): string[] {
  const where = files.length === 1 ? (files[0]?.name ?? "") : `these ${files.length} files`;
  const values = files.flatMap(manifestsOf).flatMap(({ value }) => (value === null ? [] : [value]));
  const head = `There's no Job, CronJob or Pod in ${where}`;
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
  if (kind !== "Job" && kind !== "CronJob" && kind !== "Pod") return show(kind);
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
  const [maker] = findPodMakers(object);
  if (maker) return `Curfew doesn't change a ${maker.noun}: the label goes in ${showPlaces(maker.labels)}.`;
  const label = valueAt(object, "metadata", "labels", ENABLED_KEY) === "true" ? "; its label has no effect" : "";
  if (kind === "Job" || kind === "CronJob" || kind === "Pod") return reasonForVersion(kind, object);
  const meant = kind.toLowerCase() === "pod" ? "pod" : nearest(kind.toLowerCase(), ["job", "cronjob"]);
  if (meant !== undefined) {
    return `Kubernetes has no kind: ${show(kind)}. Did you mean ${{ job: "Job", cronjob: "CronJob", pod: "Pod" }[meant]}?`;
  }
  const against = reasonAgainst(object);
  if (against !== undefined) return `${against}${findUnsuited(object) ? ": remove its label" : ""}.`;
  const template = findPodTemplate(object);
  return template === undefined
    ? label === ""
      ? undefined
      : `Curfew patches Jobs, CronJobs and Pods, not a ${show(kind)}${label}.`
    : `${show(kind)} isn't known: try the label in ${showPath([...template, "metadata", "labels"])}.`;
}

const API_VERSIONS = { Job: "batch/v1", CronJob: "batch/v1", Pod: "v1" } as const;

function reasonForVersion(kind: keyof typeof API_VERSIONS, object: unknown): string {
  const apiVersion = valueAt(object, "apiVersion");
  const right = `a ${kind} has apiVersion: ${API_VERSIONS[kind]}`;
  if (typeof apiVersion !== "string") return `The apiVersion is missing: ${right}.`;
  if (apiVersion === "batch/v1beta1" || apiVersion === "batch/v2alpha1") {
    return `Kubernetes 1.25 and later have no apiVersion: ${apiVersion}; ${right}.`;
  }
  const domain = groupOf(object) ?? "";
  if (domain.includes(".")) return `This ${kind} belongs to ${show(domain)}; Curfew patches those of batch/v1.`;
  return `apiVersion: ${show(apiVersion)} has no ${kind}: ${right}.`;
}

/** Most projects have theirs this deep. */
const MAX_DEPTH = 6;

/** The path of the first PodTemplateSpec, wherever an unknown kind has it. */
function findPodTemplate(value: unknown, path: Path = []): Path | undefined {
  if (!isObject(value) || path.length > MAX_DEPTH) return undefined;
  if (path.at(-1) === "template" && Array.isArray(valueAt(value, "spec", "containers"))) return path;
  for (const [key, child] of Object.entries(value)) {
    const found = findPodTemplate(child, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found) return found;
  }
  return undefined;
}

/** Cut at a length that no real kind or apiVersion reaches. */
function show(text: string): string {
  return showName(text.slice(0, 40));
}

function cut(line: string): string {
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH - 1)}…` : line;
}
