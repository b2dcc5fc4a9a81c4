/** The plan for a Job's template, wherever it lies: Jobs and CronJobs need no second planner. */
import { parseAnnotations } from "./annotations.ts";
import { isNativeSidecar, type Job } from "./job.ts";
import { imageLookup } from "./image-lookup.ts";
import { LIMITS } from "./limits.ts";
import { nativeLimits, nativePatch } from "./native.ts";
import { markInjected } from "./patch.ts";
import {
  INJECTED_ANNOTATION,
  type LeavePlan,
  type MetLimit,
  type PatchOperation,
  type Plan,
  type PlanOptions,
  type RefusePlan,
  type Strategy,
} from "./plan.ts";
import { LEAVE_REASONS, type LeaveReason, type RefuseReason } from "./reasons.ts";
import {
  brokenWrapper,
  limitsRefusal,
  MAIN_CANNOT_BE_TOLD,
  MAIN_IS_GONE,
  strangerNamed,
  strippedSidecars,
} from "./refusals.ts";
import { assignRoles, DEFAULT_CONTAINER_ANNOTATION } from "./roles.ts";
import { contradiction, misplacedAnnotations, uselessSettings } from "./settings-advice.ts";
import { containerPlans, surveyContainer, type Survey } from "./survey.ts";
import { sharedVolume, trapLimits, trapPatch } from "./trap.ts";
import { unwrap, type Unwrapped } from "./wrapper.ts";

/** `base` is the JSON Pointer of the Job in the object that the patch is for: empty, or `/spec/jobTemplate`. */
export function planWorkload(base: string, job: Job, options: PlanOptions): Plan {
  const { template } = job.spec;
  const { spec } = template;
  const annotations = job.metadata?.annotations;
  const parsed = parseAnnotations(annotations);
  if (parsed.kind === "invalid") return refuse("invalid-annotation", parsed.message);
  const { settings } = parsed;
  const stranger = strangerNamed(settings, job);
  if (stranger !== undefined) return refuse("unknown-container", stranger);
  const warnings = [...parsed.warnings, ...misplacedAnnotations(template.metadata?.annotations, "Pod template")];

  const unwrapped: (Unwrapped | undefined)[] = [];
  for (const container of spec.containers) {
    const original = unwrap(container);
    if (original === "broken") return refuse("half-injected", brokenWrapper(container));
    unwrapped.push(original);
  }
  if (unwrapped.length > 0 && unwrapped.every((original) => original?.role === "sidecar"))
    return refuse("half-injected", MAIN_IS_GONE);
  const isWrapped = unwrapped.some((original) => original !== undefined);
  const hasNativeSidecars = (spec.initContainers ?? []).some(isNativeSidecar);
  const wasNative = annotations?.[INJECTED_ANNOTATION] === "native" && hasNativeSidecars;
  /** Nothing is left to stop: either an earlier pass saw to it, or there never was. */
  const leaveAsIs = (reason: LeaveReason, warning: string, survey?: Survey): Plan => {
    const stripped = strippedSidecars(job);
    if (stripped !== undefined) return refuse("half-injected", stripped, survey);
    return wasNative
      ? leave("already-injected", warnings, markInjected(base, job, "native"), survey)
      : leave(reason, hasNativeSidecars ? warnings : [...warnings, warning], markInjected(base, job, "none"), survey);
  };
  if (spec.containers.length <= 1 && !isWrapped) {
    return leaveAsIs(hasNativeSidecars ? "no-sidecars" : "single-container", SINGLE_CONTAINER);
  }

  const lookUp = imageLookup(options.knownImages);
  const known = spec.containers.map(({ image }) => lookUp(image ?? ""));
  const defaultContainer = template.metadata?.annotations?.[DEFAULT_CONTAINER_ANNOTATION];
  const roles = assignRoles(spec.containers, unwrapped, settings, defaultContainer, known);
  if (roles.kind === "refuse") return refuse(roles.reason, roles.message);
  if (wasNative && roles.casts.some(({ source }) => source === "first-candidate"))
    return refuse("half-injected", MAIN_CANNOT_BE_TOLD);
  const containers = roles.casts.map((cast, index) =>
    surveyContainer(cast, index, unwrapped[index], settings, known[index]),
  );
  const survey: Survey = {
    base,
    job,
    spec,
    settings,
    containers,
    mains: containers.filter(({ cast }) => cast.role === "main"),
    sidecars: containers.filter(({ cast }) => cast.role === "sidecar"),
  };
  const contradicted = contradiction(survey);
  if (contradicted !== undefined) return refuse("invalid-annotation", contradicted, survey);
  warnings.push(...roles.warnings, ...uselessSettings(survey));

  if (survey.sidecars.length === 0) return leaveAsIs("no-sidecars", NOTHING_TO_STOP, survey);
  return choose(survey, isWrapped ? "trap" : wasNative ? "native" : undefined, options, warnings);
}

/**
 * `auto` is trap where it meets no limit at all, else native, else neither. What an earlier pass began, this one goes on with.
 */
function choose(survey: Survey, begun: Strategy | undefined, options: PlanOptions, warnings: readonly string[]): Plan {
  const asked = survey.settings.strategy ?? options.strategy ?? "auto";
  const wanted = begun ?? asked;
  const chosenBy = wanted === "auto" ? "auto" : survey.settings.strategy === wanted ? "job" : begun ? "auto" : "server";
  const shared = sharedVolume(survey);
  const trap = wanted === "native" ? [] : trapLimits(survey, shared);
  const strategy = wanted === "auto" ? (trap.length === 0 ? "trap" : "native") : wanted;
  const native = strategy === "native" ? nativeLimits(survey, options) : [];
  const own = strategy === "trap" ? trap : native;
  if (own.some(isHard)) {
    const limits = wanted === "auto" ? [...trap, ...native] : own.filter(isHard);
    return refuse("limits-met", limitsRefusal(wanted, limits), survey, limits);
  }
  const patch = strategy === "trap" ? trapPatch(survey, shared) : nativePatch(survey);
  const mark = markInjected(survey.base, survey.job, strategy);
  const told = [...warnings, ...own.map(({ message }) => message)];
  if (patch.length === 0) return leave("already-injected", told, mark, survey);
  return {
    kind: "patch",
    strategy,
    chosenBy,
    limits: [...trap, ...native],
    warnings: told,
    containers: containerPlans(survey, strategy),
    patch: [...patch, ...mark],
  };
}

function isHard({ limit }: MetLimit): boolean {
  return LIMITS[limit].hardness === "hard";
}

function leave(
  reason: LeaveReason,
  warnings: readonly string[],
  patch: readonly PatchOperation[],
  survey: Survey | undefined,
): LeavePlan {
  const containers = survey ? containerPlans(survey) : [];
  return { kind: "leave", reason, message: LEAVE_REASONS[reason], warnings, patch, containers };
}

function refuse(reason: RefuseReason, message: string, survey?: Survey, limits: readonly MetLimit[] = []): RefusePlan {
  return { kind: "refuse", reason, message, limits, warnings: [], containers: survey ? containerPlans(survey) : [] };
}

const SINGLE_CONTAINER =
  "The Job has one container, so there is nothing for Curfew to end. What other webhooks add to its Pods (Istio, Linkerd) is not seen here.";

const NOTHING_TO_STOP = `${LEAVE_REASONS["no-sidecars"]} If one of them does not end by itself, neither does the Job.`;
