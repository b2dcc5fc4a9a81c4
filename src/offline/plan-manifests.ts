/** The planner's answer to every Job in some manifests, with patches that fit the manifests. */
import type { PatchOperation, Plan, PlanOptions } from "../injection/plan.ts";
import { quote } from "../injection/quote.ts";
import { findJobs, type FoundJob } from "./find-jobs.ts";
import type { Manifest } from "./manifests.ts";
import { optInLookAlikes } from "./opt-in-look-alikes.ts";

/** `planJob` and `planCronJob`, with the operator's settings filled in. */
export type Planner = (kind: FoundJob["kind"], object: unknown, options: Pick<PlanOptions, "all">) => Plan;

export interface PlannedJob extends FoundJob {
  readonly manifest: Manifest;
  readonly plan: Plan;
  /** The webhook would leave the Job alone, and `plan` is what it would get with the label. */
  readonly isPreview: boolean;
  /** The plan's, and of what looks like the label but isn't. */
  readonly warnings: readonly string[];
  /** The plan's patch, from the manifest's root. */
  readonly patch: readonly PatchOperation[];
}

export interface Scope {
  /** What to do with Jobs that don't say whether they opt in: what the webhook does (the default), or as if they had the label. */
  readonly unlabelled?: "leave" | "plan" | "preview";
}

/** Plans every Job in `manifest`, in order. */
export function planManifest(manifest: Manifest, planner: Planner, { unlabelled = "leave" }: Scope = {}): PlannedJob[] {
  return findJobs(manifest.value).map((found) => {
    const isUnlabelled = found.label === undefined;
    const plan = planner(found.kind, found.object, { all: isUnlabelled && unlabelled !== "leave" });
    const isPreview = isUnlabelled && unlabelled === "preview";
    const patch = (plan.kind === "refuse" ? [] : plan.patch).map((operation) => below(found.pointer, operation));
    if (!isUnlabelled || unlabelled === "plan") {
      return { ...found, manifest, plan, isPreview, warnings: plan.warnings, patch };
    }
    const asItIs = isPreview ? planner(found.kind, found.object, { all: false }).warnings : plan.warnings;
    const lookAlikes = optInLookAlikes(found);
    // With the label the planner would say of an annotation that looks like it that it doesn't know it.
    const isTold = (warning: string) => lookAlikes.some(({ key }) => warning.includes(quote(key)));
    const others = isPreview ? plan.warnings.filter((warning) => !isTold(warning)) : [];
    const warnings = [...asItIs, ...lookAlikes.map(({ message }) => message), ...others];
    return { ...found, manifest, plan, isPreview, warnings, patch };
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
