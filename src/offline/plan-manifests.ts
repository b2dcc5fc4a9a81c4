/** The planner's answer to every Job in some manifests, with patches that fit the manifests. */
import type { PatchOperation, Plan, PlanOptions } from "../injection/plan.ts";
import { findJobs, type FoundJob } from "./find-jobs.ts";
import type { Manifest } from "./manifests.ts";

/** `planJob` and `planCronJob`, with the operator's settings filled in. */
export type Planner = (kind: FoundJob["kind"], object: unknown, options: Pick<PlanOptions, "all">) => Plan;

export interface PlannedJob extends FoundJob {
  readonly manifest: Manifest;
  readonly plan: Plan;
  /** The plan's patch, from the manifest's root. */
  readonly patch: readonly PatchOperation[];
}

export interface Scope {
  /** Plan every Job as if it bore the label, but for those whose label says otherwise. */
  readonly all?: boolean;
}

/** Plans every Job in `manifest`, in order. */
export function planManifest(manifest: Manifest, planner: Planner, { all = false }: Scope = {}): PlannedJob[] {
  return findJobs(manifest.value).map((found) => {
    const plan = planner(found.kind, found.object, { all: all && found.label !== false });
    const patch = plan.kind === "refuse" ? [] : plan.patch;
    return { ...found, manifest, plan, patch: patch.map((operation) => below(found.pointer, operation)) };
  });
}

/** `file.yaml, document 2, Job ci/build`: how messages name a Job. */
export function describeJob({ manifest, kind, namespace, name }: PlannedJob): string {
  return `${manifest.file}, document ${manifest.number}, ${kind} ${namespace ? `${namespace}/` : ""}${name}`;
}

function below(pointer: string, operation: PatchOperation): PatchOperation {
  const path = pointer + operation.path;
  return "from" in operation ? { ...operation, path, from: pointer + operation.from } : { ...operation, path };
}
