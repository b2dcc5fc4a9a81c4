/**
 * The vocabulary of a plan: what Curfew would do with a Job, as plain values. Pure, like everything in this folder: no I/O, no
 * clock, no Kubernetes client, so that the server, the CLI and a browser run the same code.
 */
import type { KnownImage } from "./images/known-images.ts";
import type { ArgvSource } from "./argv.ts";
import type { MetLimit } from "./met-limit.ts";
import type { Strategy } from "./names.ts";
import type { LeaveReason, RefuseReason } from "./reasons.ts";
import type { Role, RoleSource } from "./role.ts";

/**
 * One operation of a JSON Patch (RFC 6902); `path` and `from` are JSON Pointers (RFC 6901). `move` and `copy` keep what they carry
 * out of the patch, so nothing of it is serialised again.
 */
export type PatchOperation =
  | { readonly op: "add"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

/** What the operator decides for all Jobs. */
export interface PlanOptions {
  /** Used where a Job has no `curfew.sh/strategy`. Default: `auto`. */
  readonly strategy?: Strategy | "auto";
  /** Rows that are looked at before the built-in ones. */
  readonly knownImages?: readonly KnownImage[];
  /** False: some nodes are older than Kubernetes 1.29 and would run native sidecars as ordinary init containers, for ever. */
  readonly nativeSidecars?: boolean;
  /** Where the emptyDir of strategy trap is. Default: `memory`. */
  readonly volumeMedium?: "memory" | "disk";
  /** True: plan every Job as if it bore the label. */
  readonly all?: boolean;
}

/** One container of `spec.template.spec.containers` as the plan sees it. */
export interface ContainerPlan {
  readonly name: string;
  readonly image: string;
  /** Unclear: nothing says what it is, and so the Job is refused. */
  readonly role: Role | "unclear";
  readonly roleSource: RoleSource;
  /** What Kubernetes would run, as far as it is known; empty where `argvSource` is `unknown`. */
  readonly argv: readonly string[];
  readonly argvSource: ArgvSource;
  /** Seconds between TERM and KILL once the last main container has ended; sidecars only. */
  readonly gracePeriodSeconds?: number;
}

/** What every plan tells people, whatever its kind. Warnings are whole sentences, fit for `kubectl`'s user. */
interface PlanBase {
  readonly warnings: readonly string[];
  /** Empty where the plan did not get as far as roles. */
  readonly containers: readonly ContainerPlan[];
}

export interface PatchPlan extends PlanBase {
  readonly kind: "patch";
  readonly strategy: Strategy;
  /** `job`: the Job asked for this strategy; `server`: the operator's default did; `auto`: the limits decided; `earlier`: a pass before. */
  readonly chosenBy: "job" | "server" | "auto" | "earlier";
  /** The limits that decided: those that `auto` weighed, or those that a Job lives with that asked for its strategy by name. */
  readonly limits: readonly MetLimit[];
  readonly patch: readonly PatchOperation[];
}

/** Nothing to do. An opted-in Job still gets its marker, so `patch` may hold that; it is empty for a Job that is patched already. */
export interface LeavePlan extends PlanBase {
  readonly kind: "leave";
  readonly reason: LeaveReason;
  readonly message: string;
  readonly patch: readonly PatchOperation[];
}

/** The Job must not be created as it is. `message` says what to do, for the person who created it. */
export interface RefusePlan extends PlanBase {
  readonly kind: "refuse";
  readonly reason: RefuseReason;
  readonly message: string;
  readonly limits: readonly MetLimit[];
  /** What can be done besides the limits' own ways out; `message` has them, too. */
  readonly waysOut: readonly string[];
}

export type Plan = PatchPlan | LeavePlan | RefusePlan;
