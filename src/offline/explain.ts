/**
 * `curfew explain`: a plan as values that a person can read, or a machine with -o json. The layout
 * for people is in explain-text.ts.
 */
import { LIMITS } from "../injection/limits.ts";
import type { ContainerPlan, PatchPlan, Plan } from "../injection/plan.ts";
import { showName } from "../injection/quote.ts";
import { ROLE_SOURCES } from "../injection/role.ts";
import { changesOf } from "./changes.ts";
import { explainLimit, refusalOf, type ExplainedLimit } from "./limits-text.ts";
import type { PlannedJob } from "./plan-manifests.ts";

export interface Explanation {
  readonly file: string;
  readonly document: number;
  readonly kind: PlannedJob["kind"];
  readonly namespace?: string;
  readonly name: string;
  /**
   * Whether it has the label with the value true. If not, the rest can be what it would get with
   * the label.
   */
  readonly labelled: boolean;
  readonly outcome: Plan["kind"];
  /** Only for a patch. */
  readonly strategy?: PatchPlan["strategy"];
  readonly chosenBy?: PatchPlan["chosenBy"];
  /** Only for a Job that's left alone or refused. */
  readonly reason?: string;
  /** What decided, for people. */
  readonly message: string;
  readonly limits: readonly ExplainedLimit[];
  /** Only for a refused Job: what its author can do besides the limits' own ways out. */
  readonly waysOut?: readonly string[];
  readonly containers: readonly ExplainedContainer[];
  /** Sentences: what happens at the Job's end. */
  readonly ending: readonly string[];
  /** What the patch changes, one phrase each. */
  readonly changes: readonly string[];
  readonly warnings: readonly string[];
  readonly patch: PlannedJob["patch"];
}

export interface ExplainedContainer extends ContainerPlan {
  /** How it got its role, for people. */
  readonly because: string;
}

/** Explains one planned Job. Pure; times in the texts are seconds. */
export function explain(planned: PlannedJob): Explanation {
  const { manifest, kind, namespace, name, label, plan, warnings, patch, jobPointer } = planned;
  const limits = plan.kind === "leave" ? [] : plan.limits;
  return {
    file: manifest.file,
    document: manifest.number,
    kind,
    ...(namespace ? { namespace } : {}),
    name,
    labelled: label === true,
    outcome: plan.kind,
    ...(plan.kind === "patch" ? { strategy: plan.strategy, chosenBy: plan.chosenBy } : { reason: plan.reason }),
    message: verdictOf(plan),
    limits: limits.map(explainLimit),
    ...(plan.kind === "refuse" ? { waysOut: plan.waysOut } : {}),
    containers: plan.containers.map(explainContainer),
    ending: plan.kind === "patch" ? endingOf(plan.strategy, plan.containers) : [],
    changes: changesOf(manifest.value, patch, jobPointer),
    warnings,
    patch,
  };
}

function verdictOf(plan: Plan): string {
  if (plan.kind === "refuse") return refusalOf(plan);
  if (plan.kind === "leave") return plan.message;
  return {
    job: "set on the Job",
    server: "the operator's default",
    earlier: "chosen when Curfew first patched it",
    auto: `auto; ${autosReason(plan)}`,
  }[plan.chosenBy];
}

function autosReason({ strategy, limits }: PatchPlan): string {
  const met = new Set(limits.map(({ limit }) => LIMITS[limit].strategy));
  if (!met.has("trap")) return "nothing rules it out";
  const other = strategy === "trap" ? "native" : "trap";
  if (limits.some(({ limit }) => LIMITS[limit].strategy === other && LIMITS[limit].severity === "hard"))
    return `${other} is ruled out`;
  return met.has(strategy) ? `${other} could do more harm` : `${other} has limits here, ${strategy} has none`;
}

function explainContainer(container: ContainerPlan): ExplainedContainer {
  return { ...container, because: ROLE_SOURCES[container.roleSource] };
}

function endingOf(strategy: "trap" | "native", containers: readonly ContainerPlan[]): string[] {
  const named = (role: string) => containers.filter((container) => container.role === role);
  const mains = named("main");
  const sidecars = named("sidecar");
  const when = `When ${listed(mains)} ${exits(mains.length)}, for any reason`;
  const ignored = named("ignored");
  return [
    ...(strategy === "native"
      ? [
          `${when}: ${stoppedByKubelet(sidecars)}, then KILL if it's still running at the end of the Pod's grace period.`,
          `If ${sidecars.length > 1 ? `one of ${listed(sidecars)}` : listed(sidecars)} exits earlier, kubelet restarts it, and its exit code doesn't count.`,
        ]
      : [`${when}: ${sidecars.map(stopped).join("; ")}.`]),
    ...(ignored.length > 0
      ? [
          `Curfew doesn't touch ${listed(ignored)}: the Pod runs until ${ignored.length > 1 ? "they exit by themselves" : "it exits by itself"}.`,
        ]
      : []),
  ];
}

function exits(mains: number): string {
  if (mains === 1) return "exits";
  return mains === 2 ? "have both exited" : "have all exited";
}

/** Kubelet stops native sidecars in reverse order (KEP-753). */
function stoppedByKubelet(sidecars: readonly ContainerPlan[]): string {
  const names = sidecars.map(({ name }) => showName(name)).toReversed();
  return names.length === 1
    ? `kubelet sends ${names.join()} TERM`
    : `kubelet stops ${names.join(", then ")}. Each gets TERM`;
}

function stopped({ name, gracePeriodSeconds }: ContainerPlan): string {
  return `${showName(name)} gets TERM${gracePeriodSeconds === undefined ? "" : `, then KILL if it's still running ${gracePeriodSeconds} s later`}`;
}

function listed(containers: readonly ContainerPlan[]): string {
  const names = containers.map(({ name }) => showName(name));
  return names.length < 3 ? names.join(" and ") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
