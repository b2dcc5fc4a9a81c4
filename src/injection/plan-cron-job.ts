import { parseCronJob } from "./job.ts";
import { leaveUnlabelled, refuseMalformed } from "./opt-in.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";

/**
 * Plans the Jobs that a batch/v1 CronJob will create, by the label and annotations of its `jobTemplate`. The patch is for the
 * CronJob: `curfew inject` applies it, admission tells only the warnings and refusals.
 */
export function planCronJob(cronJob: unknown, options: PlanOptions = {}): Plan {
  const template = (cronJob as { spec?: { jobTemplate?: unknown } | null } | null | undefined)?.spec?.jobTemplate;
  const unlabelled = leaveUnlabelled(template, options);
  if (unlabelled) return unlabelled;
  const parsed = parseCronJob(cronJob);
  return "problem" in parsed
    ? refuseMalformed("CronJob", parsed.problem)
    : planWorkload("/spec/jobTemplate", parsed.jobTemplate, options);
}
