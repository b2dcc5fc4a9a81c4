import { IN_CRON_JOB, namesOf, type Metadata } from "./job.ts";
import { parseCronJob } from "./parse-job.ts";
import { leaveInsteadOfRefusing, refuseMalformed, unlessJobOptsIn } from "./opt-in.ts";
import { ENABLED_KEY } from "./names.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";
import { misplacedAnnotations } from "./settings-advice.ts";

/**
 * Plans the Jobs that a batch/v1 CronJob will create, by the labels and annotations of
 * its `jobTemplate`. The patch is for the CronJob: `curfew inject` applies it, but admission only
 * returns the warnings and refusals. Never throws for what a CronJob holds: a malformed one is
 * refused.
 */
export function planCronJob(cronJob: unknown, options: PlanOptions = {}): Plan {
  return leaveInsteadOfRefusing(planOptedIn(cronJob, options), options, "spec.jobTemplate.metadata");
}

function planOptedIn(cronJob: unknown, options: PlanOptions): Plan {
  const template = (cronJob as { spec?: { jobTemplate?: unknown } | null } | null | undefined)?.spec?.jobTemplate;
  const decided = unlessJobOptsIn(template, options);
  if (decided) return { ...decided, warnings: [...decided.warnings, ...misplacedOptIn(cronJob)] };
  const parsed = parseCronJob(cronJob);
  if ("problem" in parsed) return refuseMalformed("CronJob", parsed.problem);
  const { metadata } = cronJob as { readonly metadata?: Metadata | null };
  const plan = planWorkload(IN_CRON_JOB, parsed.jobTemplate, namesOf(metadata ?? {}), options);
  const misplaced = [...misplacedOptIn(cronJob), ...misplacedAnnotations(metadata?.annotations, "CronJob")];
  return { ...plan, warnings: [...plan.warnings, ...misplaced] };
}

/** Warnings about the label or annotation in the place where people put it first. */
function misplacedOptIn(cronJob: unknown): string[] {
  const { metadata } = cronJob as {
    readonly metadata?: Partial<Record<"labels" | "annotations", Readonly<Record<string, unknown>> | null>> | null;
  };
  return (["label", "annotation"] as const)
    .filter((what) => ["true", "false"].includes(String(metadata?.[`${what}s`]?.[ENABLED_KEY])))
    .map(
      (what) => `The ${what} ${ENABLED_KEY} on a CronJob has no effect: put it in spec.jobTemplate.metadata.${what}s.`,
    );
}
