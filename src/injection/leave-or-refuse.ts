/** Makes plans that inject nothing. */
import type { ContainerPlan, LeavePlan, PatchOperation, RefusePlan } from "./plan.ts";
import { shorten } from "./quote.ts";
import { LEAVE_REASONS, type LeaveReason, type RefuseReason } from "./reasons.ts";

/** A plan that leaves the Job alone. `patch` can still hold the marker. */
export function leave(
  reason: LeaveReason,
  warnings: readonly string[],
  patch: readonly PatchOperation[] = [],
  containers: readonly ContainerPlan[] = [],
): LeavePlan {
  return { kind: "leave", reason, message: LEAVE_REASONS[reason], warnings, patch, containers };
}

/** A plan that refuses the Job. `message` is for its author, and is cut if it's too long. */
export function refuse(
  reason: RefuseReason,
  message: string,
  warnings: readonly string[] = [],
  containers: readonly ContainerPlan[] = [],
): RefusePlan {
  return { kind: "refuse", reason, message: shorten(message), limits: [], waysOut: [], warnings, containers };
}
