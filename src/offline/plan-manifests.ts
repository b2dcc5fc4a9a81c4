/** Plans every Job, CronJob and Pod in a manifest. The patches are for the whole manifest. */
import { ENABLED_KEY } from "../injection/names.ts";
import type { PatchOperation, PodPlan } from "../injection/plan.ts";
import { quote } from "../injection/quote.ts";
import type { OptIn, Planner } from "../planner/planner.ts";
import { findJobs, type FoundJob } from "./find-jobs.ts";
import type { Manifest } from "./manifests.ts";
import { optInLookAlikes, type LookAlike } from "./opt-in-look-alikes.ts";

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

/** Whether it's opted in, and by what, and its plan. Look-alikes count only if it isn't. */
export function planFound(
  found: FoundJob,
  planner: Planner,
  { unlabelled = "leave", namespaces = new Set() }: Scope,
  lookAlikes: readonly LookAlike[] = optInLookAlikes(found),
): Pick<PlannedJob, "plan" | "optedInBy" | "isPreview" | "warnings"> {
  const { kind, says, namespace } = found;
  const plan = (optIn?: OptIn) => PLAN[kind](planner, found.object, optIn);
  const byNamespace = kind !== "Pod" && namespace !== undefined && namespaces.has(namespace);
  if (says === "label" || says === "annotation") return { ...as(plan()), optedInBy: says };
  if (says === "out") return as(plan());
  if (byNamespace) return { ...as(plan("namespace")), optedInBy: "namespace" };
  if (says === "odd") return as(plan());
  if (unlabelled === "plan") return as(plan("assumed"));
  const asItIs = plan();
  const messages = lookAlikes.map(({ message }) => message);
  // A Pod of a Job that was planned is planned for what others added to it, without a label.
  const isIn = asItIs.kind !== "leave" || asItIs.reason !== "not-enabled";
  if (unlabelled === "leave" || isIn) {
    return { ...as(asItIs), warnings: [...asItIs.warnings, ...messages] };
  }
  const preview = plan("assumed");
  // With the label, the planner would warn about an annotation that looks like it, or is misplaced.
  const told = [ENABLED_KEY, ...lookAlikes.map(({ key }) => key)].map((key) => quote(key));
  const isTold = (warning: string) => told.some((key) => warning.includes(key));
  const others = preview.warnings.filter((warning) => !asItIs.warnings.includes(warning) && !isTold(warning));
  const warnings = [...asItIs.warnings, ...messages, ...others];
  // The label would only add the marker, and most Pods in manifests run forever.
  if (preview.kind === "leave" && preview.reason === "runs-forever") {
    return { ...as({ ...preview, patch: [] }), warnings };
  }
  return { plan: preview, optedInBy: undefined, isPreview: true, warnings };
}

function as(plan: PodPlan): Pick<PlannedJob, "plan" | "optedInBy" | "isPreview" | "warnings"> {
  return { plan, optedInBy: undefined, isPreview: false, warnings: plan.warnings };
}

const PLAN = {
  Job: ({ planJob }: Planner, object: unknown, optIn?: OptIn) => planJob(object, optIn),
  CronJob: ({ planCronJob }: Planner, object: unknown, optIn?: OptIn) => planCronJob(object, optIn),
  Pod: ({ planPod }: Planner, object: unknown, optIn?: OptIn) => planPod(object, optIn),
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
