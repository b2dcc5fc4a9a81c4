/**
 * A plan: what Curfew would do with a Job, as plain values. Everything in this folder is pure: no
 * I/O, no clock, no Kubernetes client. So the server, the CLI and a browser run the same code.
 */
import type { KnownImage } from "./images/known-images.ts";
import type { ArgvSource } from "./argv.ts";
import type { MetLimit } from "./met-limit.ts";
import type { Strategy } from "./names.ts";
import type { LeaveReason, RefuseReason } from "./reasons.ts";
import type { Role, RoleSource } from "./role.ts";

/**
 * One operation of a JSON Patch (RFC 6902). `path` and `from` are JSON Pointers (RFC 6901). With
 * `move` and `copy`, the value isn't in the patch, so it isn't serialised again.
 */
export type PatchOperation =
  | { readonly op: "add"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

/** What the operator decides for all Jobs. */
export interface PlanOptions {
  /** For Jobs without `curfew.sh/strategy`. Default: `auto`. */
  readonly strategy?: Strategy | "auto";
  /** Rows that come before the built-in ones. */
  readonly knownImages?: readonly KnownImage[] | undefined;
  /**
   * False: some nodes are older than Kubernetes 1.29, and would run native sidecars as ordinary
   * init containers, which never end.
   */
  readonly nativeSidecars?: boolean;
  /** Where the emptyDir of strategy trap is. Default: `memory`. */
  readonly volumeMedium?: "memory" | "disk";
  /**
   * How it's opted in. `own`, the default: by its own label or annotation, if it has one.
   * `namespace`: by its Namespace, so what would be refused is left alone. `assumed`: plan it
   * whatever it says.
   */
  readonly optIn?: "own" | "namespace" | "assumed";
}

/** One container of `spec.template.spec.containers` as the plan sees it. */
export interface ContainerPlan {
  readonly name: string;
  readonly image: string;
  /** Unclear: nothing shows what it is, so the Job is refused. */
  readonly role: Role | "unclear";
  readonly roleSource: RoleSource;
  /** What Kubernetes would run, as far as it's known. Empty if `argvSource` is `unknown`. */
  readonly argv: readonly string[];
  readonly argvSource: ArgvSource;
  /** Seconds between TERM and KILL once the last main container has ended; sidecars only. */
  readonly gracePeriodSeconds?: number;
}

/** What every kind of plan has. Warnings are whole sentences, for whoever runs `kubectl`. */
interface PlanBase {
  readonly warnings: readonly string[];
  /** Empty if the plan ended before roles were found. */
  readonly containers: readonly ContainerPlan[];
}

export interface PatchPlan extends PlanBase {
  readonly kind: "patch";
  readonly strategy: Strategy;
  /**
   * `job`: the Job asked for this strategy. `server`: it's the operator's default. `auto`: the
   * limits decided. `earlier`: an earlier pass used it.
   */
  readonly chosenBy: "job" | "server" | "auto" | "earlier";
  /**
   * The limits that `auto` weighed. If the strategy was set by name, the limits that the Job has to
   * live with.
   */
  readonly limits: readonly MetLimit[];
  readonly patch: readonly PatchOperation[];
}

/**
 * There's nothing to do. `patch` can still hold the marker, as every opted-in Job gets one. It's
 * empty if the Job has been patched already.
 */
export interface LeavePlan extends PlanBase {
  readonly kind: "leave";
  /** A refusal's reason: only its Namespace opts it in. */
  readonly reason: LeaveReason | RefuseReason;
  readonly message: string;
  readonly patch: readonly PatchOperation[];
}

/** The Job must not be created as it is. `message` tells its author what to do. */
export interface RefusePlan extends PlanBase {
  readonly kind: "refuse";
  readonly reason: RefuseReason;
  readonly message: string;
  readonly limits: readonly MetLimit[];
  /** What its author can do besides the limits' own ways out. They're in `message`, too. */
  readonly waysOut: readonly string[];
}

/** What to do with containers that other webhooks added to a Pod after it was planned. */
export interface LatePlan extends PlanBase {
  readonly kind: "late";
  /** Names of those that become native sidecars, now or in an earlier pass. */
  readonly moved: readonly string[];
  /** Names of those that stay as they are. */
  readonly left: readonly string[];
  /** Why: the limits that they meet. Empty if `curfew.sh/late-containers` says so. */
  readonly limits: readonly MetLimit[];
  readonly patch: readonly PatchOperation[];
}

/** What's done with a Pod. */
export type PodPlan = Plan | LatePlan;

export type Plan = PatchPlan | LeavePlan | RefusePlan;
