import { planCronJob } from "../injection/plan-cron-job.ts";
import { planJob } from "../injection/plan-job.ts";
import { planUpdate } from "../injection/plan-update.ts";
import type { PatchOperation, Plan, PlanOptions } from "../injection/plan.ts";

/** The planner's functions with the operator's options already in them; tests pass fakes. */
export interface Planner {
  readonly planJob: (job: unknown) => Plan;
  readonly planCronJob: (cronJob: unknown) => Plan;
  readonly planUpdate: (
    oldJob: unknown,
    newJob: unknown,
  ) => { readonly patch: readonly PatchOperation[]; readonly warnings: readonly string[] };
}

/** The planner with the operator's options in it. */
export function createPlanner(options: PlanOptions): Planner {
  return {
    planJob: (job) => planJob(job, options),
    planCronJob: (cronJob) => planCronJob(cronJob, options),
    planUpdate,
  };
}
