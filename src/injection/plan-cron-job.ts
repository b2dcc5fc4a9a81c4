import { namesOf, type Metadata } from "./job.ts";
import { parseCronJob } from "./parse-job.ts";
import { leaveUnlabelled, refuseMalformed } from "./opt-in.ts";
import { ENABLED_LABEL } from "./names.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";
import { misplacedAnnotations } from "./settings-advice.ts";

/**
 * Plans the Jobs that a batch/v1 CronJob will create, by the label and annotations of its
 * `jobTemplate`. The patch is for the CronJob: `curfew inject` applies it, but admission only
 * returns the warnings and refusals. Never throws for what a CronJob holds: a malformed one is
 * refused.
 */
export function planCronJob(cronJob: unknown, options: PlanOptions = {}): Plan {
  const template = (cronJob as { spec?: { jobTemplate?: unknown } | null } | null | undefined)?.spec?.jobTemplate;
  const unlabelled = leaveUnlabelled(template, options);
  if (unlabelled) return { ...unlabelled, warnings: [...unlabelled.warnings, ...misplacedLabel(cronJob)] };
  const parsed = parseCronJob(cronJob);
  if ("problem" in parsed) return refuseMalformed("CronJob", parsed.problem);
  const { metadata } = cronJob as { readonly metadata?: Metadata | null };
  const plan = planWorkload("/spec/jobTemplate", parsed.jobTemplate, namesOf(metadata ?? {}), options);
  return { ...plan, warnings: [...plan.warnings, ...misplacedAnnotations(metadata?.annotations, "CronJob")] };
}

/** A warning about the label in the place where people put it first. */
function misplacedLabel(cronJob: unknown): string[] {
  const { metadata } = cronJob as { readonly metadata?: { readonly labels?: Record<string, unknown> | null } | null };
  return metadata?.labels?.[ENABLED_LABEL] === "true"
    ? [`The label ${ENABLED_LABEL} on a CronJob has no effect: put it in spec.jobTemplate.metadata.labels.`]
    : [];
}
