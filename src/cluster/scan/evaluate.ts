/** What Curfew would do with a Job or CronJob that the cluster has, if it had the label. */
import { isNativeSidecar, type Job } from "../../injection/job.ts";
import { LIMITS, type LimitId } from "../../injection/limits.ts";
import { INJECTED_KEY } from "../../injection/names.ts";
import type { ContainerPlan, PatchPlan, Plan } from "../../injection/plan.ts";
import type { LeaveReason, RefuseReason } from "../../injection/reasons.ts";
import { ROLE_SOURCES } from "../../injection/role.ts";
import { annotationsToPaste } from "../../injection/role-refusals.ts";
import { ownOptIn } from "../../offline/opted-in.ts";
import type { Planner } from "../../planner/planner.ts";

/** `injected`: Curfew has done so already. `not-needed`: there's nothing to stop, or it opted out. */
export type Outcome = "trap" | "native" | "unclear" | "refused" | "injected" | "not-needed";

export interface EvaluatedContainer extends Pick<ContainerPlan, "name" | "image" | "role" | "roleSource"> {
  /** How it got its role, for people. */
  readonly because: string;
}

export interface Evaluation {
  readonly outcome: Outcome;
  /** Why it's left alone or refused. */
  readonly reason?: LeaveReason | RefuseReason;
  /** For people; empty if it would be patched. */
  readonly message: string;
  /** The limits that it would have to live with. */
  readonly limits: readonly LimitId[];
  /** Only for `unclear`: annotations, one of which settles it. */
  readonly paste: readonly string[];
  readonly optedIn: boolean;
  readonly containers: readonly EvaluatedContainer[];
}

/** There's at most one plain container, and Curfew hasn't injected anything. */
export interface Simple {
  readonly simple: "single-container" | "native-sidecars";
}

/** A Job, or a CronJob, as the API server lists it. */
export type Workload =
  { readonly kind: "Job"; readonly object: Job } | { readonly kind: "CronJob"; readonly object: CronJob };

export interface CronJob {
  readonly spec: { readonly jobTemplate: Job };
}

/** Plans a listed Job or CronJob. Pure. */
export function evaluate(workload: Workload, planner: Planner): Evaluation | Simple {
  const job = workload.kind === "Job" ? workload.object : workload.object.spec.jobTemplate;
  const { containers, initContainers } = job.spec.template.spec;
  if (containers.length < 2 && !isInjected(job))
    return { simple: initContainers?.some(isNativeSidecar) ? "native-sidecars" : "single-container" };
  const says = ownOptIn("Job", job);
  const plan =
    workload.kind === "Job"
      ? planner.planJob(workload.object, "assumed")
      : planner.planCronJob(workload.object, "assumed");
  const base = {
    message: "message" in plan ? plan.message : "",
    limits: plan.kind === "patch" ? ownLimits(plan) : [],
    paste: plan.kind === "refuse" && plan.reason === "roles-unclear" ? annotationsToPaste(plan.containers) : [],
    optedIn: says === "label" || says === "annotation",
    containers: plan.containers.map(({ name, image, role, roleSource }) => {
      return { name, image, role, roleSource, because: ROLE_SOURCES[roleSource] };
    }),
  };
  if (says === "out") return { ...base, outcome: "not-needed", reason: "opted-out", message: OPTED_OUT, paste: [] };
  return { ...base, outcome: outcomeOf(plan), ...("reason" in plan ? { reason: plan.reason } : {}) };
}

/** Whether Curfew has stopped what there was to stop in it. */
export function isInjected({ metadata }: Pick<Job, "metadata">): boolean {
  const done = metadata?.annotations?.[INJECTED_KEY];
  return done === "trap" || done === "native";
}

const OPTED_OUT = "It has opted out.";

function outcomeOf(plan: Plan): Outcome {
  if (plan.kind === "patch") return plan.strategy;
  if (plan.kind === "leave") return plan.reason === "already-injected" ? "injected" : "not-needed";
  return plan.reason === "roles-unclear" ? "unclear" : "refused";
}

function ownLimits({ limits, strategy }: PatchPlan): readonly LimitId[] {
  const own = limits.filter(({ limit }) => LIMITS[limit].strategy === strategy).map(({ limit }) => limit);
  return [...new Set(own)];
}

/** Whether something has to be done so that it ends. */
export function needsWork({ outcome, optedIn }: Evaluation, kind: string): boolean {
  if (outcome === "unclear" || outcome === "refused") return true;
  // A labelled CronJob's next Job is patched; a labelled Job that isn't has slipped through.
  return (outcome === "trap" || outcome === "native") && !(optedIn && kind === "CronJob");
}
