import { parseCronJob } from "./job.ts";
import { leaveUnlabelled, refuseMalformed } from "./opt-in.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";
import { misplacedAnnotations } from "./settings-advice.ts";

/**
 * Plans the Jobs that a batch/v1 CronJob will create, by the label and annotations of its `jobTemplate`. The patch is for the
 * CronJob: `curfew inject` applies it, admission tells only the warnings and refusals.
 */
export function planCronJob(cronJob: unknown, options: PlanOptions = {}): Plan {
  const template = (cronJob as { spec?: { jobTemplate?: unknown } | null } | null | undefined)?.spec?.jobTemplate;
  const unlabelled = leaveUnlabelled(template, options);
  if (unlabelled) return unlabelled;
  const parsed = parseCronJob(cronJob);
  if ("problem" in parsed) return refuseMalformed("CronJob", parsed.problem);
  const plan = planWorkload("/spec/jobTemplate", parsed.jobTemplate, options);
  const { metadata } = cronJob as { readonly metadata?: { readonly annotations?: unknown } | null };
  return { ...plan, warnings: [...plan.warnings, ...misplacedAnnotations(metadata?.annotations, "CronJob")] };
}
