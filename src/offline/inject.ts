/**
 * `curfew inject`: reads manifests, and writes them with every opted-in Job and Pod patched, or
 * nothing if one is refused.
 */
import { applyPatch, editYaml } from "./edit-yaml.ts";
import { groupLimits, refusalOf } from "./limits-text.ts";
import { BYTE_ORDER_MARK, manifestsOf, type Manifest, type ManifestFile } from "./manifests.ts";
import type { Planner } from "../planner/planner.ts";
import { enabledNamespaces } from "./opted-in.ts";
import { describeObject, planManifest, type PlannedJob } from "./plan-manifests.ts";
import { renderYaml } from "./render-yaml.ts";
import { lineEndOf } from "./yaml-text.ts";

export type OutputFormat = "yaml" | "json" | "patch";

export type Injection = {
  readonly jobs: readonly PlannedJob[];
  /** Lines for standard error. */
  readonly notes: readonly string[];
} & (
  | { readonly kind: "injected"; readonly output: string }
  | { readonly kind: "refused"; readonly refusals: readonly string[] }
);

export interface InjectOptions {
  /** If absent, each file keeps its own format. */
  readonly format?: OutputFormat;
  /** Also patch Jobs and Pods that don't say whether they opt in. */
  readonly all?: boolean;
}

/** Patches all Jobs, CronJobs and Pods in `files`, or lists the refusals. Pure. */
export function inject(
  files: readonly ManifestFile[],
  planner: Planner,
  { format, all = false }: InjectOptions = {},
): Injection {
  const manifests = files.flatMap(manifestsOf);
  const namespaces = enabledNamespaces(manifests.map(({ value }) => value));
  const scope = { unlabelled: all ? "plan" : "leave", namespaces } as const;
  const planned = new Map(manifests.map((manifest) => [manifest, planManifest(manifest, planner, scope)]));
  const jobs = [...planned.values()].flat();
  const notes = jobs.flatMap(notesOf);
  const refusals = jobs.flatMap(refusalsOf);
  if (refusals.length > 0) return { kind: "refused", jobs, notes, refusals };
  if (format === "patch") return { kind: "injected", jobs, output: toPatches(jobs), notes };

  const patchOf = (manifest: Manifest) => (planned.get(manifest) ?? []).flatMap(({ patch }) => patch);
  if (format === "json") return { kind: "injected", jobs, output: toJson(manifests, patchOf), notes };
  const keep = format === undefined && files.every((file) => file.format === "json");
  const texts = files.map((file) => toText(file, patchOf, keep, notes));
  return { kind: "injected", jobs, output: join(texts, keep ? "json" : "yaml"), notes };
}

function notesOf(job: PlannedJob): string[] {
  return job.warnings.map((warning) => `${describeObject(job.manifest, job)}: warning: ${warning}`);
}

function refusalsOf(job: PlannedJob): string[] {
  if (job.plan.kind !== "refuse") return [];
  const limits = groupLimits(job.plan.limits, job.kind).flatMap(({ who, limits }) => [
    `  ${who}`,
    ...limits.flatMap(({ limit, text, wayOut }) => [`    ${limit}: ${text}`, `      fix: ${wayOut}`]),
  ]);
  const waysOut = job.plan.waysOut.map((wayOut) => `  fix: ${wayOut}`);
  const head = `${describeObject(job.manifest, job)}: refused (${job.plan.reason}): ${refusalOf(job.plan, job.kind)}`;
  return [[head, ...limits, ...waysOut].join("\n")];
}

type PatchOf = (manifest: Manifest) => PlannedJob["patch"];

function toText(file: ManifestFile, patchOf: PatchOf, keepJson: boolean, notes: string[]): string {
  const pieces = file.pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const patch = patchOf(piece);
    if (piece.format === "json") {
      if (!keepJson) return renderYaml(applyPatch(piece.value, patch));
      return patch.length === 0 ? piece.text : formatJson(applyPatch(piece.value, patch), piece.text);
    }
    if (patch.length === 0) return piece.text;
    const { text, inPlace } = editYaml(piece.text, patch);
    if (!inPlace) notes.push(`${piece.file}, document ${piece.number}: rewritten as a whole, so its comments are lost`);
    return text;
  });
  const text = pieces.join("");
  return text === BYTE_ORDER_MARK ? text : text.replace(/(?<=[^\n])$/, lineEndOf(text));
}

/** Only the start of a stream can have a byte order mark. */
function join([first = "", ...others]: readonly string[], format: ManifestFile["format"]): string {
  const separated = others
    .map((text) => (text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text))
    .map((text) => (format === "json" || /^(?:#.*\n)*---/.test(text) ? text : `---${lineEndOf(text)}${text}`));
  return first + separated.join("");
}

/** Several manifests become a List, as with `kubectl get -o json`. */
function toJson(manifests: readonly Manifest[], patchOf: PatchOf): string {
  const values = manifests
    .filter(({ value }) => value !== null)
    .map((manifest) => applyPatch(manifest.value, patchOf(manifest)));
  return formatJson(values.length === 1 ? values[0] : { apiVersion: "v1", kind: "List", items: values });
}

/** One entry for every Job that changes. A patch's paths start at the document's root. */
function toPatches(jobs: readonly PlannedJob[]): string {
  const entries = jobs
    .filter(({ patch }) => patch.length > 0)
    .map(({ manifest: { file, number }, kind, namespace, name, patch }) => {
      return { file, document: number, kind, ...(namespace ? { namespace } : {}), name, patch };
    });
  return formatJson(entries);
}

/** With the indentation and line ends of `like`. If `like` is on one line, so is the result. */
function formatJson(value: unknown, like = "{\n  "): string {
  const indent = /^\s*\{\r?\n([ \t]+)/.exec(like)?.[1] ?? "";
  return `${JSON.stringify(value, null, indent)}\n`.replaceAll("\n", lineEndOf(like));
}
