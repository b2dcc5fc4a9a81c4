/** Plans every Job, CronJob and Pod in a manifest. The patches are for the whole manifest. */
import type { PatchOperation, PodPlan } from "../injection/plan.ts";
import { quote } from "../injection/quote.ts";
import type { PlanScope, Planner } from "../planner/planner.ts";
import { findJobs, type FoundJob } from "./find-jobs.ts";
import type { Manifest } from "./manifests.ts";
import { optInLookAlikes } from "./opt-in-look-alikes.ts";

export interface PlannedJob extends FoundJob {
  readonly manifest: Manifest;
  readonly plan: PodPlan;
  /** What opted it in. Undefined: nothing did. */
  readonly optedInBy: "label" | "annotation" | "namespace" | undefined;
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
   * What to do with Jobs that neither opt in nor out, and that no Namespace opts in. `leave`, the
   * default, is what the webhook does. `plan` and `preview` plan them as if they had the label.
   */
  readonly unlabelled?: "leave" | "plan" | "preview";
  /** Names of the Namespaces that opt in their Jobs: see opted-in.ts. */
  readonly namespaces?: ReadonlySet<string>;
}

/** Plans every Job, CronJob and Pod in `manifest`, in order. */
export function planManifest(manifest: Manifest, planner: Planner, scope: Scope = {}): PlannedJob[] {
  return findJobs(manifest.value).map((found) => {
    const planned = planFound(found, planner, scope);
    const { plan } = planned;
    const patch = (plan.kind === "refuse" ? [] : plan.patch).map((operation) => prefixed(found.pointer, operation));
    return { ...found, ...planned, manifest, patch };
  });
}

/** What's opted in, by whom, and what comes of it. */
export function planFound(
  found: FoundJob,
  planner: Planner,
  { unlabelled = "leave", namespaces = new Set() }: Scope,
): Pick<PlannedJob, "plan" | "optedInBy" | "isPreview" | "warnings"> {
  const { kind, says, namespace } = found;
  const plan = (scope?: PlanScope) => PLAN[kind](planner, found.object, scope);
  if (says !== undefined) {
    const own = plan();
    return { plan: own, optedInBy: says === "out" ? undefined : says, isPreview: false, warnings: own.warnings };
  }
  const byNamespace = kind !== "Pod" && namespace !== undefined && namespaces.has(namespace);
  if (byNamespace || unlabelled === "plan") {
    const made = plan({ optIn: byNamespace ? "namespace" : "assumed" });
    const optedInBy = byNamespace ? "namespace" : undefined;
    return { plan: made, optedInBy, isPreview: false, warnings: made.warnings };
  }
  const asItIs = plan();
  const lookAlikes = optInLookAlikes(found);
  const messages = lookAlikes.map(({ message }) => message);
  if (unlabelled === "leave") {
    return { plan: asItIs, optedInBy: undefined, isPreview: false, warnings: [...asItIs.warnings, ...messages] };
  }
  const preview = plan({ optIn: "assumed" });
  // With the label, the planner would warn that it doesn't know an annotation that looks like it.
  const isTold = (warning: string) => lookAlikes.some(({ key }) => warning.includes(quote(key)));
  const others = preview.warnings.filter((warning) => !asItIs.warnings.includes(warning) && !isTold(warning));
  const warnings = [...asItIs.warnings, ...messages, ...others];
  return { plan: preview, optedInBy: undefined, isPreview: true, warnings };
}

const PLAN = {
  Job: ({ planJob }: Planner, object: unknown, scope?: PlanScope) => planJob(object, scope),
  CronJob: ({ planCronJob }: Planner, object: unknown, scope?: PlanScope) => planCronJob(object, scope),
  Pod: ({ planPod }: Planner, object: unknown, scope?: PlanScope) => planPod(object, scope),
};

/** `file.yaml, document 2, Job ci/build`: how messages name an object of a manifest. */
export function describeObject(
  { file, number }: Manifest,
  { kind, namespace, name }: { readonly kind: string; readonly namespace?: string; readonly name: string },
): string {
  return `${file}, document ${number}, ${kind} ${namespace ? `${namespace}/` : ""}${name}`;
}

function prefixed(pointer: string, operation: PatchOperation): PatchOperation {
  const path = pointer + operation.path;
  return "from" in operation ? { ...operation, path, from: pointer + operation.from } : { ...operation, path };
}
