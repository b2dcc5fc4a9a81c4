/** `curfew explain`: a plan as a person, or with -o json a machine, can read it. Values only; explain-text.ts lays them out. */
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
  /** Whether it has the label, with the value true. Where it hasn't, the rest may be what it would get with it. */
  readonly labelled: boolean;
  readonly outcome: Plan["kind"];
  /** Of a patch. */
  readonly strategy?: PatchPlan["strategy"];
  readonly chosenBy?: PatchPlan["chosenBy"];
  /** Of a Job that is left alone or refused. */
  readonly reason?: string;
  /** What decided, for people. */
  readonly message: string;
  readonly limits: readonly ExplainedLimit[];
  /** Of a refused Job: what can be done besides the limits' own ways out. */
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
    job: "the Job asks for it",
    server: "the operator's default",
    earlier: "chosen when Curfew patched it before",
    auto: `chosen by auto, because ${autosReason(plan)}`,
  }[plan.chosenBy];
}

function autosReason({ strategy, limits }: PatchPlan): string {
  const met = new Set(limits.map(({ limit }) => LIMITS[limit].strategy));
  if (!met.has("trap")) return "trap meets no limit";
  const other = strategy === "trap" ? "native" : "trap";
  if (limits.some(({ limit }) => LIMITS[limit].strategy === other && LIMITS[limit].severity === "hard"))
    return `${other} is ruled out`;
  return met.has(strategy) ? `${other} may do more harm` : `${other} meets a limit`;
}

function explainContainer(container: ContainerPlan): ExplainedContainer {
  return { ...container, because: ROLE_SOURCES[container.roleSource] };
}

function endingOf(strategy: "trap" | "native", containers: readonly ContainerPlan[]): string[] {
  const named = (role: string) => containers.filter((container) => container.role === role);
  const mains = named("main");
  const sidecars = named("sidecar");
  const when = `When ${listed(mains)} ${mains.length > 1 ? "have" : "has"} ended, by whatever exit code or signal`;
  const ignored = named("ignored");
  return [
    ...(strategy === "native"
      ? [
          `${when}: kubelet stops ${inReverse(sidecars)}, TERM first, KILL at the end of the Pod's grace period.`,
          `If ${sidecars.length > 1 ? `one of ${listed(sidecars)}` : listed(sidecars)} ends earlier, kubelet restarts it, and its exit code doesn't count.`,
        ]
      : [`${when}: ${sidecars.map(stopped).join("; ")}.`]),
    ...(ignored.length > 0 ? [`${listed(ignored)}: not touched; the Pod goes on until it ends by itself.`] : []),
  ];
}

function inReverse(sidecars: readonly ContainerPlan[]): string {
  return sidecars.length > 1 ? `${listed(sidecars.toReversed())}, in this order` : listed(sidecars);
}

function stopped({ name, gracePeriodSeconds }: ContainerPlan): string {
  return `${showName(name)} gets TERM${gracePeriodSeconds === undefined ? "" : `, and KILL ${gracePeriodSeconds} s later`}`;
}

function listed(containers: readonly ContainerPlan[]): string {
  const names = containers.map(({ name }) => showName(name));
  return names.length < 3 ? names.join(" and ") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
