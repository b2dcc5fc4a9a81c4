/**
 * The decision about one review: which function of the planner to ask, and what its answer means
 * for the request. No HTTP, no I/O.
 */
import type { LimitId } from "../injection/limits.ts";
import type { Strategy } from "../injection/names.ts";
import type { LatePlan, PatchOperation, Plan } from "../injection/plan.ts";
import type { LeaveReason, RefuseReason } from "../injection/reasons.ts";
import type { RoleSource } from "../injection/role.ts";
import type { ReviewRequest } from "./admission-review.ts";
import type { OptIn, Planner } from "../planner/planner.ts";

interface Decided {
  readonly warnings: readonly string[];
  readonly patch: readonly PatchOperation[];
  /** The limits that decided. */
  readonly limits: readonly LimitId[];
  /** For each sidecar, how it was found to be one. */
  readonly sidecars: readonly RoleSource[];
}

/**
 * What happens to a request. Outcomes and reasons are label values of the metrics:
 * - patched: the sidecars will end; the reason is the strategy, or that they were added to a Pod;
 * - left-alone: there's nothing to do, or only the marker is written; or what another webhook added
 *   to a Pod can't be stopped; or it would be refused, but only its namespace opts it in;
 * - refused: the only outcome that isn't let through;
 * - checked: a CronJob whose Jobs will be patched; the reason is the strategy. The CronJob itself
 *   is never patched;
 * - restored: an update had dropped what Curfew injected, and it was put back;
 * - passed: none of Curfew's rules applies.
 */
export type Decision =
  | (Decided & { readonly outcome: "patched" | "checked"; readonly reason: Strategy })
  | (Decided & { readonly outcome: "patched"; readonly reason: "late-containers" })
  | (Decided & { readonly outcome: "left-alone"; readonly reason: LeaveReason | RefuseReason | "late-containers" })
  | (Decided & { readonly outcome: "refused"; readonly reason: RefuseReason; readonly message: string })
  | (Decided & { readonly outcome: "restored"; readonly reason: "re-applied" })
  | (Decided & {
      readonly outcome: "passed";
      readonly reason: "nothing-to-restore" | "other-kind" | "other-operation";
    });

/**
 * Decides about a request. `optIn` says how the webhook's entry selected it.
 * @throws only if the planner has a bug
 */
export function review(
  { kind, operation, object, oldObject }: ReviewRequest,
  optIn: Exclude<OptIn, "assumed">,
  planner: Planner,
): Decision {
  if (kind === "other") return pass("other-kind");
  if (operation !== "CREATE" && operation !== "UPDATE") return pass("other-operation");
  if (kind === "CronJob") return decideCronJob(decide(planner.planCronJob(object, optIn)));
  if (operation === "CREATE")
    return decide(kind === "Job" ? planner.planJob(object, optIn) : planner.planPod(object, optIn));
  return decideUpdate(
    kind === "Job" ? planner.planUpdate(oldObject, object) : planner.planPodUpdate(oldObject, object),
  );
}

function decide(plan: Plan | LatePlan): Decision {
  const { warnings } = plan;
  const sidecars = sidecarSources(plan);
  switch (plan.kind) {
    case "patch": {
      const { strategy: reason, patch } = plan;
      return { outcome: "patched", reason, patch, limits: idsOf(plan.limits), sidecars, warnings };
    }
    case "leave":
      return { outcome: "left-alone", reason: plan.reason, patch: plan.patch, limits: [], sidecars, warnings };
    case "late": {
      const outcome = plan.moved.length > 0 ? "patched" : "left-alone";
      const { patch } = plan;
      return { outcome, reason: "late-containers", patch, limits: idsOf(plan.limits), sidecars, warnings };
    }
    case "refuse": {
      const { reason, message } = plan;
      return { outcome: "refused", reason, message, patch: [], limits: idsOf(plan.limits), sidecars, warnings };
    }
  }
}

/**
 * Says now what the CronJob's Jobs would meet later, when nobody is looking. Each Job is patched
 * when it's created.
 */
function decideCronJob(decision: Decision): Decision {
  if (decision.outcome === "patched" && decision.reason !== "late-containers")
    return { ...decision, outcome: "checked", reason: decision.reason, patch: [] };
  return { ...decision, patch: [] };
}

function decideUpdate({ patch, warnings }: ReturnType<Planner["planUpdate"]>): Decision {
  return patch.length === 0
    ? { outcome: "passed", reason: "nothing-to-restore", patch, limits: [], sidecars: [], warnings }
    : { outcome: "restored", reason: "re-applied", patch, limits: [], sidecars: [], warnings };
}

function pass(reason: "other-kind" | "other-operation"): Decision {
  return { outcome: "passed", reason, patch: [], limits: [], sidecars: [], warnings: [] };
}

function sidecarSources({ containers }: Plan | LatePlan): readonly RoleSource[] {
  const sources: RoleSource[] = [];
  for (const { role, roleSource } of containers) if (role === "sidecar") sources.push(roleSource);
  return sources;
}

function idsOf(limits: readonly { readonly limit: LimitId }[]): readonly LimitId[] {
  return limits.length === 0 ? [] : limits.map(({ limit }) => limit);
}
