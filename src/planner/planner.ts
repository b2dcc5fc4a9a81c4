import { planCronJob } from "../injection/plan-cron-job.ts";
import { planJob } from "../injection/plan-job.ts";
import { planUpdate, type UpdatePlan } from "../injection/plan-update.ts";
import type { Plan, PlanOptions } from "../injection/plan.ts";

/** What a caller can decide for a single Job, besides the operator's options. */
export type PlanScope = Pick<PlanOptions, "all">;

/** The planner's functions with the operator's options filled in. Tests pass fakes. */
export interface Planner {
  readonly planJob: (job: unknown, scope?: PlanScope) => Plan;
  readonly planCronJob: (cronJob: unknown, scope?: PlanScope) => Plan;
  readonly planUpdate: (oldJob: unknown, newJob: unknown) => UpdatePlan;
}

/** Makes the planner that admission, `curfew inject` and `curfew explain` share. */
export function createPlanner(options: PlanOptions): Planner {
  return {
    planJob: (job, scope) => planJob(job, scope ? { ...options, ...scope } : options),
    planCronJob: (cronJob, scope) => planCronJob(cronJob, scope ? { ...options, ...scope } : options),
    planUpdate,
  };
}
