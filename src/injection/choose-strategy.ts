/** Chooses between trap and native, only by the table in limits.ts, and plans the patch. */
import type { EarlierPass } from "./earlier-pass.ts";
import { leave, refuse } from "./leave-or-refuse.ts";
import { LIMITS, SEVERITIES } from "./limits.ts";
import { sentencesOf, type MetLimit } from "./met-limit.ts";
import type { Strategy } from "./names.ts";
import { nativeLimits, nativePatch } from "./native.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { recordPatch, type RecordedRoles } from "./record.ts";
import { generalWaysOut, limitsRefusal } from "./refusals.ts";
import { containerPlans, rolesOf, type Survey } from "./survey.ts";
import { trapLimits, trapPatch } from "./trap.ts";
import { sharedVolume, type SharedVolume } from "./shared-volume.ts";

/**
 * Plans a Job that has sidecars to stop. An earlier pass's strategy comes first, then the Job's
 * own, then the operator's. `auto` collects both strategies' limits, but those of native only if
 * trap meets any.
 */
export function chooseStrategy(
  survey: Survey,
  earlier: EarlierPass,
  options: PlanOptions,
  warnings: readonly string[],
): Plan {
  const { strategy: asked } = survey.settings;
  const wanted = earlier.strategy ?? asked ?? options.strategy ?? "auto";
  const shared = sharedVolume(survey);
  const trap = wanted === "native" ? [] : trapLimits(survey, shared);
  const needsNative = wanted === "native" || (wanted === "auto" && trap.length > 0);
  const native = needsNative ? nativeLimits(survey, options) : [];
  const strategy = wanted === "auto" ? lessHarmful(trap, native) : wanted;
  const own = strategy === "trap" ? trap : native;
  if (own.some(isHard)) {
    const limits = wanted === "auto" ? [...trap, ...native].filter(isHard) : own.filter(isHard);
    const other = earlier.strategy || wanted === "auto" ? undefined : otherStrategy(survey, wanted, shared, options);
    const waysOut = generalWaysOut(limits, other);
    const message = limitsRefusal(wanted, limits, waysOut);
    return { ...refuse("limits-met", message, warnings, containerPlans(survey)), limits, waysOut };
  }
  const patch = strategy === "trap" ? trapPatch(survey, shared, options) : nativePatch(survey);
  const { places, job, settings } = survey;
  const roles = rolesToRecord(survey, earlier);
  const record = recordPatch(places, job, { done: strategy, roles, lateContainers: settings.lateContainers });
  const allWarnings = own.length === 0 ? warnings : [...warnings, ...sentencesOf(own)];
  if (patch.length === 0) return leave("already-injected", allWarnings, record, containerPlans(survey));
  return {
    kind: "patch",
    strategy,
    chosenBy: earlier.strategy ? "earlier" : wanted === "auto" ? "auto" : asked ? "job" : "server",
    limits: [...trap, ...native],
    warnings: allWarnings,
    containers: containerPlans(survey, strategy),
    patch: [...patch, ...record],
  };
}

function rolesToRecord(survey: Survey, { strategy, native }: EarlierPass): RecordedRoles {
  const roles = rolesOf(survey);
  const moved = strategy === "native" && native ? native.sidecars : [];
  return { ...roles, sidecars: [...new Set([...moved, ...roles.sidecars])] };
}

/**
 * If both could do the same harm, it's native: its limits say what might happen, trap's mostly what
 * will.
 */
function lessHarmful(trap: readonly MetLimit[], native: readonly MetLimit[]): Strategy {
  if (trap.length === 0 || severityOf(trap) < severityOf(native)) return "trap";
  return "native";
}

/** The strategy that the Job didn't ask for, if it has no hard limit. */
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

/** The worst severity of some limits, as a number that grows with the harm. -1: there are none. */
function severityOf(limits: readonly MetLimit[]): number {
  let worst = -1;
  for (const { limit } of limits) worst = Math.max(worst, SEVERITIES.indexOf(LIMITS[limit].severity));
  return worst;
}
