/**
 * `curfew explain`: a plan as values that a person can read, or a machine with -o json. The layout
 * for people is in explain-text.ts.
 */
import { LIMITS } from "../injection/limits.ts";
import type { ContainerPlan, LatePlan, PatchPlan, PodPlan } from "../injection/plan.ts";
import { ROLE_SOURCES } from "../injection/role.ts";
import { changesOf } from "./changes.ts";
import { endingOf, listed } from "./ending-text.ts";
import { explainLimit, refusalOf, type ExplainedLimit } from "./limits-text.ts";
import type { PlannedTemplate } from "./plan-makers.ts";
import type { PlannedJob } from "./plan-manifests.ts";
import type { PodMaker } from "./pod-makers.ts";

export interface Explanation {
  readonly file: string;
  readonly document: number;
  /** Only for another kind. */
  readonly apiVersion?: unknown;
  /** Job, CronJob or Pod; or another kind, if this is about what its controller makes. */
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** Only for another kind: where it has the template of what its controller makes. */
  readonly template?: string;
  /**
   * Whether it has the label with the value true. If it isn't opted in in another way, either, the
   * rest can be what it would get with the label.
   */
  readonly labelled: boolean;
  /** Absent: nothing opts it in. */
  readonly optedInBy?: "label" | "annotation" | "namespace";
  /** Late: only for containers that another project's webhook adds to a Pod. */
  readonly outcome: PodPlan["kind"];
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
  const { manifest, kind, namespace, name, optedInBy, plan, warnings, patch } = planned;
  const limits = plan.kind === "leave" ? [] : plan.limits;
  return {
    file: manifest.file,
    document: manifest.number,
    kind,
    ...(namespace ? { namespace } : {}),
    name,
    labelled: optedInBy === "label",
    ...(optedInBy ? { optedInBy } : {}),
    outcome: plan.kind,
    ...(plan.kind === "patch" ? { strategy: plan.strategy, chosenBy: plan.chosenBy } : {}),
    ...("reason" in plan ? { reason: plan.reason } : {}),
    message: verdictOf(plan, kind),
    limits: limits.map(explainLimit),
    ...(plan.kind === "refuse" ? { waysOut: plan.waysOut } : {}),
    containers: plan.containers.map(explainContainer),
    ending: endingOfPlan(plan),
    changes: changesOfPlan(planned),
    warnings,
    patch,
  };
}

/** Explains a template of another kind. Nothing patches the manifest, so it has no patch. */
export function explainTemplate(
  planned: PlannedTemplate,
  { apiVersion, kind }: Pick<PodMaker, "apiVersion" | "kind">,
): Explanation {
  const { file, document, ...rest } = explain(planned);
  return { file, document, ...rest, apiVersion, kind, template: planned.template };
}

function verdictOf(plan: PodPlan, kind: PlannedJob["kind"]): string {
  if (plan.kind === "refuse") return refusalOf(plan, kind);
  if (plan.kind === "leave") return plan.message;
  if (plan.kind === "late") return latesVerdict(plan);
  return {
    job: `set on the ${kind === "Pod" ? "Pod" : "Job"}`,
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

/** A template's late containers aren't in the Pod yet, so there's nothing to compare. */
function changesOfPlan(planned: PlannedJob): string[] {
  const { plan, patch } = planned;
  return plan.kind === "refuse" || (plan.kind === "late" && patch.length === 0) ? [] : changesOf(planned, plan.patch);
}

function endingOfPlan(plan: PodPlan): string[] {
  if (plan.kind === "patch") return endingOf(plan.strategy, plan.containers);
  return plan.kind === "late" && plan.moved.length > 0 ? endingOf("native", plan.containers) : [];
}

function latesVerdict({ moved, left }: LatePlan): string {
  const become = moved.length === 1 ? "becomes a native sidecar" : "become native sidecars";
  return [
    ...(moved.length > 0 ? [`${listed(moved)} ${become}, behind the init containers`] : []),
    ...(left.length > 0 ? [`${listed(left)} ${left.length === 1 ? "is left as it is" : "are left as they are"}`] : []),
  ].join("; ");
}

function explainContainer(container: ContainerPlan): ExplainedContainer {
  return { ...container, because: ROLE_SOURCES[container.roleSource] };
}
