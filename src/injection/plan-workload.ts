/** Plans a Pod template. Jobs, CronJobs and Pods share this planner. */
import { parseAnnotations, type JobSettings } from "./annotations.ts";
import { chooseStrategy } from "./choose-strategy.ts";
import { findEarlierPass, halfInjected, type EarlierPass } from "./earlier-pass.ts";
import { isNativeSidecar, type Job, type Places } from "./job.ts";
import { imageLookup } from "./images/image-lookup.ts";
import { leave, refuse } from "./leave-or-refuse.ts";
import type { ContainerPlan, LeavePlan, Plan, PlanOptions } from "./plan.ts";
import { LEAVE_REASONS, type LeaveReason } from "./reasons.ts";
import { recordPatch, type RecordedRoles } from "./record.ts";
import { brokenWrapper, onlySidecar } from "./refusals.ts";
import { misplacedAnnotations, uselessSettings } from "./settings-advice.ts";
import { settingsProblems } from "./settings-problems.ts";
import { containerPlans, rolesOf, surveyJob } from "./survey.ts";

/**
 * Plans a Job. `places` are those of the object that the patch is for. `names` are the Job's names,
 * and those of what makes it.
 */
export function planWorkload(places: Places, job: Job, names: readonly string[], options: PlanOptions): Plan {
  const { template } = job.spec;
  const parsed = parseAnnotations(job.metadata?.annotations);
  const { settings } = parsed;
  const warnings = [...parsed.warnings];
  if (places.job !== undefined) warnings.push(...misplacedAnnotations(template.metadata?.annotations, "Pod template"));

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
    const isIgnored = settings.ignored.includes(only.name);
    const roles = { mains: isIgnored ? [] : [only.name], sidecars: [], ignored: isIgnored ? [only.name] : [] };
    if (!stopsLateContainers(settings, options) && reason === "single-container") warnings.push(SINGLE_CONTAINER);
    return leaveAsIs({ places, job, earlier, lateContainers: settings.lateContainers }, reason, warnings, roles);
  }

  const survey = surveyJob({ places, job, names, settings, earlier, lookUp: imageLookup(options.knownImages) });
  if ("reason" in survey) return refuse(survey.reason, survey.message, warnings, survey.containers);
  warnings.push(...uselessSettings(survey));
  if (survey.sidecars.length > 0) return chooseStrategy(survey, earlier, options, warnings);
  if (!hasNativeSidecars(job)) warnings.push(NOTHING_TO_STOP);
  const workload = { places, job, earlier, lateContainers: settings.lateContainers };
  return leaveAsIs(workload, "no-sidecars", warnings, rolesOf(survey), containerPlans(survey));
}

interface Workload {
  readonly places: Places;
  readonly job: Job;
  readonly earlier: EarlierPass;
  readonly lateContainers: JobSettings["lateContainers"];
}

/**
 * Leaves a Job that has nothing to stop: an earlier pass handled it, or there never was anything.
 */
function leaveAsIs(
  { places, job, earlier: { native }, lateContainers }: Workload,
  reason: LeaveReason,
  warnings: readonly string[],
  roles: RecordedRoles,
  containers: readonly ContainerPlan[] = [],
): LeavePlan {
  if (native) {
    const moved = { ...roles, sidecars: [...native.sidecars] };
    const record = recordPatch(places, job, { done: "native", roles: moved, lateContainers });
    return leave("already-injected", warnings, record, containers);
  }
  return leave(reason, warnings, recordPatch(places, job, { done: "none", roles, lateContainers }), containers);
}

/** Whether containers that other webhooks add to the Pods become native sidecars (late-containers.ts). */
function stopsLateContainers({ lateContainers }: JobSettings, { nativeSidecars = true }: PlanOptions): boolean {
  return nativeSidecars && lateContainers !== "ignore";
}

function hasNativeSidecars({ spec }: Job): boolean {
  return (spec.template.spec.initContainers ?? []).some(isNativeSidecar);
}

const SINGLE_CONTAINER =
  "The Job has only one container, so there's nothing for Curfew to stop. What other webhooks add to its Pods is left as it is.";

const NOTHING_TO_STOP = `${LEAVE_REASONS["no-sidecars"]} If one of them doesn't end by itself, the Job won't either.`;
