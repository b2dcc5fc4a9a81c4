import { IN_JOB, namesOf } from "./job.ts";
import { parseJob } from "./parse-job.ts";
import { leaveInsteadOfRefusing, refuseMalformed, unlessJobOptsIn } from "./opt-in.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";

/**
 * Decides what to do with a batch/v1 Job. It's the only entry for admission, `curfew inject` and
 * `curfew explain`. Never throws for what a Job holds: a value that isn't a Job is refused, and the
 * message says where it's wrong.
 */
export function planJob(job: unknown, options: PlanOptions = {}): Plan {
  return leaveInsteadOfRefusing(planOptedIn(job, options), options, "metadata");
}

function planOptedIn(job: unknown, options: PlanOptions): Plan {
  const decided = unlessJobOptsIn(job, options);
  if (decided) return decided;
  const parsed = parseJob(job);
  if ("problem" in parsed) return refuseMalformed("Job", parsed.problem);
  return planWorkload(IN_JOB, parsed.job, namesOf(parsed.job.metadata ?? {}), options);
}
