/** The plan for a Job's template, wherever it lies: Jobs and CronJobs need no second planner. */
import { parseAnnotations } from "./annotations.ts";
import { equal } from "./equal.ts";
import { isNativeSidecar, type Container, type Job } from "./job.ts";
import { imageLookup } from "./images/image-lookup.ts";
import { LIMITS, SEVERITIES } from "./limits.ts";
import { sentencesOf, type MetLimit } from "./met-limit.ts";
import { nativeLimits, nativePatch } from "./native.ts";
import type { Strategy } from "./names.ts";
import type { ContainerPlan, LeavePlan, PatchOperation, Plan, PlanOptions, RefusePlan } from "./plan.ts";
import { LEAVE_REASONS, type LeaveReason, type RefuseReason } from "./reasons.ts";
import { earlierNative, recordPatch } from "./record.ts";
import {
  addedTwice,
  brokenWrapper,
  generalWaysOut,
  limitsRefusal,
  MAIN_IS_GONE,
  onlySidecar,
  STRIPPED_SIDECARS,
} from "./refusals.ts";
import { shorten } from "./quote.ts";
import { assignRoles, DEFAULT_CONTAINER_ANNOTATION } from "./roles.ts";
import { misplacedAnnotations, uselessSettings } from "./settings-advice.ts";
import { settingsProblems } from "./settings-problems.ts";
import {
  containerPlans,
  surveyContainer,
  unassignedContainerPlans,
  type Survey,
  type SurveyedContainer,
} from "./survey.ts";
import { sharedVolume, trapLimits, trapPatch, type SharedVolume } from "./trap.ts";
import { unwrap, type Unwrapped } from "./wrapper/wrapper.ts";

/**
 * `base` is the JSON Pointer of the Job in the object that the patch is for: empty, or `/spec/jobTemplate`. `names` are what the Job is
 * called, and the CronJob that makes it.
 */
export function planWorkload(base: string, job: Job, names: readonly string[], options: PlanOptions): Plan {
  const { template } = job.spec;
  const { spec } = template;
  const annotations = job.metadata?.annotations;
  const parsed = parseAnnotations(annotations);
  const { settings } = parsed;
  const warnings = [...parsed.warnings, ...misplacedAnnotations(template.metadata?.annotations, "Pod template")];

  const unwrapped: (Unwrapped | undefined)[] = [];
  for (const container of spec.containers) {
    const original = unwrap(container);
    if (original === "broken") return refuse("half-injected", brokenWrapper(container), warnings);
    unwrapped.push(original);
  }
  const wrong = settingsProblems(parsed, job, unwrapped);
  if (wrong) return refuse(wrong.reason, wrong.message, warnings);
  if (unwrapped.length > 0 && unwrapped.every((original) => original?.role === "sidecar"))
    return refuse("half-injected", MAIN_IS_GONE, warnings);
  const isWrapped = unwrapped.some((original) => original !== undefined);
  const hasNativeSidecars = (spec.initContainers ?? []).some(isNativeSidecar);
  const earlier = earlierNative(job);
  if (earlier?.isStripped) return refuse("half-injected", STRIPPED_SIDECARS, warnings);
  const twice = earlier && spec.containers.find((container) => isAddedTwice(container, job));
  if (twice) return refuse("half-injected", addedTwice(twice), warnings);
  /** Nothing is left to stop: either an earlier pass saw to it, or there never was. */
  const leaveAsIs = (
    reason: LeaveReason,
    warning: string,
    mains: readonly string[],
    containers: readonly ContainerPlan[] = [],
  ): Plan => {
    if (earlier) {
      const mark = recordPatch(base, job, "native", { mains, sidecars: [...earlier.sidecars] });
      return leave("already-injected", warnings, mark, containers);
    }
    const mark = recordPatch(base, job, "none", spec.containers.length > 1 ? { mains, sidecars: [] } : undefined);
    return leave(reason, hasNativeSidecars ? warnings : [...warnings, warning], mark, containers);
  };
  const [only, ...others] = spec.containers;
  if (only && others.length === 0 && !isWrapped) {
    if (settings.sidecars?.includes(only.name)) return refuse("no-main", onlySidecar(only), warnings);
    return leaveAsIs(hasNativeSidecars ? "no-sidecars" : "single-container", SINGLE_CONTAINER, [only.name]);
  }

  const lookUp = imageLookup(options.knownImages);
  const known = spec.containers.map(({ image }) => lookUp(image ?? ""));
  const defaultContainer = template.metadata?.annotations?.[DEFAULT_CONTAINER_ANNOTATION];
  const roles = assignRoles(
    { containers: spec.containers, unwrapped, earlier, known, defaultContainer, names },
    settings,
  );
  if (roles.kind === "refuse") {
    const containers = unassignedContainerPlans(roles.assignments, unwrapped, settings, known);
    return refuse(roles.reason, roles.message, warnings, containers);
  }
  const containers = roles.assignments.map((assignment, index) =>
    surveyContainer(assignment, index, unwrapped[index], settings, known[index]),
  );
  const survey: Survey = {
    base,
    job,
    spec,
    settings,
    names,
    containers,
    mains: containers.filter(({ role }) => role === "main"),
    sidecars: containers.filter(({ role }) => role === "sidecar"),
  };
  warnings.push(...uselessSettings(survey));

  if (survey.sidecars.length === 0)
    return leaveAsIs("no-sidecars", NOTHING_TO_STOP, containerNames(survey.mains), containerPlans(survey));
  const madeNative: Begun | undefined = earlier && { strategy: "native", moved: [...earlier.sidecars] };
  return choose(survey, isWrapped ? { strategy: "trap", moved: [] } : madeNative, options, warnings);
}

/** What an earlier pass began. */
interface Begun {
  readonly strategy: Strategy;
  /** Names of the sidecars that are among `initContainers` already. */
  readonly moved: readonly string[];
}

/**
 * `auto` is trap where it meets no limit at all; else the strategy that the table allows and that does less harm. What an earlier pass
 * began, this one goes on with.
 */
function choose(survey: Survey, begun: Begun | undefined, options: PlanOptions, warnings: readonly string[]): Plan {
  const { strategy: asked } = survey.settings;
  const wanted = begun?.strategy ?? asked ?? options.strategy ?? "auto";
  const shared = sharedVolume(survey);
  const trap = wanted === "native" ? [] : trapLimits(survey, shared);
  const needsNative = wanted === "native" || (wanted === "auto" && trap.length > 0);
  const native = needsNative ? nativeLimits(survey, options) : [];
  const strategy = wanted === "auto" ? lessHarmful(trap, native) : wanted;
  const own = strategy === "trap" ? trap : native;
  if (own.some(isHard)) {
    const limits = wanted === "auto" ? [...trap, ...native].filter(isHard) : own.filter(isHard);
    const other = begun || wanted === "auto" ? undefined : otherStrategy(survey, wanted, shared, options);
    const waysOut = generalWaysOut(limits, other);
    const message = limitsRefusal(wanted, limits, waysOut);
    return { ...refuse("limits-met", message, warnings, containerPlans(survey)), limits, waysOut };
  }
  const patch = strategy === "trap" ? trapPatch(survey, shared, options) : nativePatch(survey);
  const mains = containerNames(survey.mains);
  const sidecars = [...new Set([...(begun?.moved ?? []), ...containerNames(survey.sidecars)])];
  const mark = recordPatch(survey.base, survey.job, strategy, { mains, sidecars });
  const told = own.length === 0 ? warnings : [...warnings, ...sentencesOf(own)];
  if (patch.length === 0) return leave("already-injected", told, mark, containerPlans(survey));
  return {
    kind: "patch",
    strategy,
    chosenBy: begun ? "earlier" : wanted === "auto" ? "auto" : asked ? "job" : "server",
    limits: [...trap, ...native],
    warnings: told,
    containers: containerPlans(survey, strategy),
    patch: [...patch, ...mark],
  };
}

function containerNames(surveyed: readonly SurveyedContainer[]): readonly string[] {
  return surveyed.map(({ container }) => container.name);
}

/** An init container has its name, and isn't the same. */
function isAddedTwice(container: Container, { spec }: Job): boolean {
  const moved = spec.template.spec.initContainers?.find(({ name }) => name === container.name);
  return moved !== undefined && !equal(container, moved, "restartPolicy");
}

/** Where both may lose the same, native: its limits say what may happen, those of trap mostly what will. */
function lessHarmful(trap: readonly MetLimit[], native: readonly MetLimit[]): Strategy {
  if (trap.length === 0 || severityOf(trap) < severityOf(native)) return "trap";
  return "native";
}

/** The one that the Job didn't ask for, if it has no hard limit. */
function otherStrategy(
  survey: Survey,
  wanted: Strategy,
  shared: SharedVolume,
  options: PlanOptions,
): Strategy | undefined {
  const limits = wanted === "trap" ? nativeLimits(survey, options) : trapLimits(survey, shared);
  return limits.some(isHard) ? undefined : wanted === "trap" ? "native" : "trap";
}

function isHard({ limit }: MetLimit): boolean {
  return LIMITS[limit].severity === "hard";
}

/** The worst of some limits, as a number that grows with the harm; -1: none. */
function severityOf(limits: readonly MetLimit[]): number {
  let worst = -1;
  for (const { limit } of limits) worst = Math.max(worst, SEVERITIES.indexOf(LIMITS[limit].severity));
  return worst;
}

function leave(
  reason: LeaveReason,
  warnings: readonly string[],
  patch: readonly PatchOperation[],
  containers: readonly ContainerPlan[],
): LeavePlan {
  return { kind: "leave", reason, message: LEAVE_REASONS[reason], warnings, patch, containers };
}

function refuse(
  reason: RefuseReason,
  message: string,
  warnings: readonly string[],
  containers: readonly ContainerPlan[] = [],
): RefusePlan {
  return { kind: "refuse", reason, message: shorten(message), limits: [], waysOut: [], warnings, containers };
}

const SINGLE_CONTAINER =
  "The Job has only one container, so there's nothing for Curfew to stop. Curfew doesn't see what other webhooks (Istio, Linkerd) add to its Pods.";

const NOTHING_TO_STOP = `${LEAVE_REASONS["no-sidecars"]} If one of them doesn't end by itself, the Job won't either.`;
