/** Plans a Job's template. Jobs and CronJobs share this planner. */
import { parseAnnotations } from "./annotations.ts";
import { chooseStrategy } from "./choose-strategy.ts";
import { findEarlierPass, halfInjected, type EarlierPass } from "./earlier-pass.ts";
import { isNativeSidecar, type Job } from "./job.ts";
import { imageLookup } from "./images/image-lookup.ts";
import { leave, refuse } from "./leave-or-refuse.ts";
import type { ContainerPlan, LeavePlan, Plan, PlanOptions } from "./plan.ts";
import { LEAVE_REASONS, type LeaveReason } from "./reasons.ts";
import { recordPatch } from "./record.ts";
import { brokenWrapper, onlySidecar } from "./refusals.ts";
import { misplacedAnnotations, uselessSettings } from "./settings-advice.ts";
import { settingsProblems } from "./settings-problems.ts";
import { containerNames, containerPlans, surveyJob } from "./survey.ts";

/**
 * Plans a Job. `base` is its JSON Pointer in the object that the patch is for: empty, or
 * `/spec/jobTemplate`. `names` are the Job's names, and the name of the CronJob that makes it.
 */
export function planWorkload(base: string, job: Job, names: readonly string[], options: PlanOptions): Plan {
  const { template } = job.spec;
  const parsed = parseAnnotations(job.metadata?.annotations);
  const { settings } = parsed;
  const warnings = [...parsed.warnings, ...misplacedAnnotations(template.metadata?.annotations, "Pod template")];

  const earlier = findEarlierPass(job);
  if ("brokenWrapper" in earlier) return refuse("half-injected", brokenWrapper(earlier.brokenWrapper), warnings);
  const wrong = settingsProblems(parsed, job, earlier.unwrapped);
  if (wrong) return refuse(wrong.reason, wrong.message, warnings);
  const half = halfInjected(job, earlier);
  if (half !== undefined) return refuse("half-injected", half, warnings);

  const [only, ...others] = template.spec.containers;
  if (only && others.length === 0 && earlier.strategy !== "trap") {
    if (settings.sidecars?.includes(only.name)) return refuse("no-main", onlySidecar(only), warnings);
    const reason = hasNativeSidecars(job) ? "no-sidecars" : "single-container";
    return leaveAsIs({ base, job, earlier, warnings }, reason, SINGLE_CONTAINER, [only.name]);
  }

  const survey = surveyJob({ base, job, names, settings, earlier, lookUp: imageLookup(options.knownImages) });
  if ("reason" in survey) return refuse(survey.reason, survey.message, warnings, survey.containers);
  warnings.push(...uselessSettings(survey));
  if (survey.sidecars.length > 0) return chooseStrategy(survey, earlier, options, warnings);
  const mains = containerNames(survey.mains);
  return leaveAsIs({ base, job, earlier, warnings }, "no-sidecars", NOTHING_TO_STOP, mains, containerPlans(survey));
}

interface Workload {
  readonly base: string;
  readonly job: Job;
  readonly earlier: EarlierPass;
  readonly warnings: readonly string[];
}

/**
 * Leaves a Job that has nothing to stop: an earlier pass handled it, or there never was anything.
 */
function leaveAsIs(
  { base, job, earlier: { native }, warnings }: Workload,
  reason: LeaveReason,
  warning: string,
  mains: readonly string[],
  containers: readonly ContainerPlan[] = [],
): LeavePlan {
  if (native) {
    const record = recordPatch(base, job, "native", { mains, sidecars: [...native.sidecars] });
    return leave("already-injected", warnings, record, containers);
  }
  const roles = job.spec.template.spec.containers.length > 1 ? { mains, sidecars: [] } : undefined;
  const record = recordPatch(base, job, "none", roles);
  return leave(reason, hasNativeSidecars(job) ? warnings : [...warnings, warning], record, containers);
}

function hasNativeSidecars({ spec }: Job): boolean {
  return (spec.template.spec.initContainers ?? []).some(isNativeSidecar);
}

const SINGLE_CONTAINER =
  "The Job has only one container, so there's nothing for Curfew to stop. Curfew doesn't see what other webhooks (Istio, Linkerd) add to its Pods.";

const NOTHING_TO_STOP = `${LEAVE_REASONS["no-sidecars"]} If one of them doesn't end by itself, the Job won't either.`;
