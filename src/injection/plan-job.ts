import { parseJob } from "./job.ts";
import { leaveUnlabelled, refuseMalformed } from "./opt-in.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";

/**
 * Decides what to do with a batch/v1 Job: the one entry for admission, `curfew inject` and `curfew explain`. Never throws for what
 * a Job holds: what is no Job is refused, with the place that is wrong.
 */
export function planJob(job: unknown, options: PlanOptions = {}): Plan {
  const unlabelled = leaveUnlabelled(job, options);
  if (unlabelled) return unlabelled;
  const parsed = parseJob(job);
  return "problem" in parsed ? refuseMalformed("Job", parsed.problem) : planWorkload("", parsed.job, options);
}
