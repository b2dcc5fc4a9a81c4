import { planCronJob } from "../injection/plan-cron-job.ts";
import { planJob } from "../injection/plan-job.ts";
import { planPod } from "../injection/plan-pod.ts";
import { planPodUpdate, planUpdate, type UpdatePlan } from "../injection/plan-update.ts";
import type { Plan, PlanOptions, PodPlan } from "../injection/plan.ts";

/** How something is opted in, if not by itself. */
export type OptIn = NonNullable<PlanOptions["optIn"]>;

/** The planner's functions with the operator's options filled in. Tests pass fakes. */
export interface Planner {
  readonly planJob: (job: unknown, optIn?: OptIn) => Plan;
  readonly planCronJob: (cronJob: unknown, optIn?: OptIn) => Plan;
  readonly planPod: (pod: unknown, optIn?: OptIn) => PodPlan;
  readonly planUpdate: (oldJob: unknown, newJob: unknown) => UpdatePlan;
  readonly planPodUpdate: (oldPod: unknown, newPod: unknown) => UpdatePlan;
}

/** Makes the planner that admission, `curfew inject` and `curfew explain` share. */
export function createPlanner(options: PlanOptions): Planner {
  const optionsFor: Readonly<Record<OptIn, PlanOptions>> = {
    own: { ...options, optIn: "own" },
    namespace: { ...options, optIn: "namespace" },
    assumed: { ...options, optIn: "assumed" },
  };
  return {
    planJob: (job, optIn = "own") => planJob(job, optionsFor[optIn]),
    planCronJob: (cronJob, optIn = "own") => planCronJob(cronJob, optionsFor[optIn]),
    planPod: (pod, optIn = "own") => planPod(pod, optionsFor[optIn]),
    planUpdate,
    planPodUpdate,
  };
}
