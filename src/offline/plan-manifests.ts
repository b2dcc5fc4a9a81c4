/** Plans every Job in a manifest. The patches are for the whole manifest. */
import type { PatchOperation, Plan } from "../injection/plan.ts";
import { quote } from "../injection/quote.ts";
import type { Planner } from "../planner/planner.ts";
import { findJobs, type FoundJob } from "./find-jobs.ts";
import type { Manifest } from "./manifests.ts";
import { optInLookAlikes } from "./opt-in-look-alikes.ts";

export interface PlannedJob extends FoundJob {
  readonly manifest: Manifest;
  readonly plan: Plan;
  /**
   * True: the webhook would leave the Job alone, and `plan` is what it would get with the label.
   */
  readonly isPreview: boolean;
  /** The plan's warnings, and warnings about what looks like the label but isn't. */
  readonly warnings: readonly string[];
  /** The plan's patch, from the manifest's root. */
  readonly patch: readonly PatchOperation[];
}

export interface Scope {
  /**
   * What to do with Jobs that don't say whether they opt in. `leave`, the default, is what the
   * webhook does. `plan` and `preview` plan them as if they had the label.
   */
  readonly unlabelled?: "leave" | "plan" | "preview";
}

/** Plans every Job in `manifest`, in order. */
export function planManifest(manifest: Manifest, planner: Planner, { unlabelled = "leave" }: Scope = {}): PlannedJob[] {
  return findJobs(manifest.value).map((found) => {
    const isUnlabelled = found.label === undefined;
    const plan = planFound(planner, found, isUnlabelled && unlabelled !== "leave");
    const isPreview = isUnlabelled && unlabelled === "preview";
    const patch = (plan.kind === "refuse" ? [] : plan.patch).map((operation) => prefixed(found.pointer, operation));
    if (!isUnlabelled || unlabelled === "plan") {
      return { ...found, manifest, plan, isPreview, warnings: plan.warnings, patch };
    }
    const asItIs = isPreview ? planFound(planner, found, false).warnings : plan.warnings;
    const lookAlikes = optInLookAlikes(found);
    // With the label, the planner would warn that it doesn't know an annotation that looks like it.
    const isTold = (warning: string) => lookAlikes.some(({ key }) => warning.includes(quote(key)));
    const others = isPreview ? plan.warnings.filter((warning) => !isTold(warning)) : [];
    const warnings = [...asItIs, ...lookAlikes.map(({ message }) => message), ...others];
    return { ...found, manifest, plan, isPreview, warnings, patch };
  });
}

/** With `all`, the Job is planned as if it had the label. */
function planFound(planner: Planner, { kind, object }: FoundJob, all: boolean): Plan {
  const optIn = all ? "assumed" : "own";
  return kind === "Job" ? planner.planJob(object, optIn) : planner.planCronJob(object, optIn);
}

/** `file.yaml, document 2, Job ci/build`: how messages name a Job. */
export function describeJob({ manifest, kind, namespace, name }: PlannedJob): string {
  return `${manifest.file}, document ${manifest.number}, ${kind} ${namespace ? `${namespace}/` : ""}${name}`;
}

function prefixed(pointer: string, operation: PatchOperation): PatchOperation {
  const path = pointer + operation.path;
  return "from" in operation ? { ...operation, path, from: pointer + operation.from } : { ...operation, path };
}
