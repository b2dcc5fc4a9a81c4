/** `curfew explain`: a plan as a person, or with --json a machine, can read it. Values only; explain-text.ts lays them out. */
import type { ContainerPlan, MetLimit, PatchPlan, Plan } from "../injection/plan.ts";
import { LIMITS } from "../injection/limits.ts";
import { ROLE_SOURCES } from "../injection/role.ts";
import { changesOf } from "./changes.ts";
import { refusalOf } from "./limits-text.ts";
import type { PlannedJob } from "./plan-manifests.ts";

export interface Explanation {
  readonly file: string;
  readonly document: number;
  readonly kind: PlannedJob["kind"];
  readonly namespace?: string;
  readonly name: string;
  readonly outcome: Plan["kind"];
  /** One line: `trap`, `native`, `left alone`, `refused`, and what decided. */
  readonly verdict: string;
  readonly strategy?: "trap" | "native";
  readonly reason?: string;
  /** What the webhook would tell the person who creates the Job. */
  readonly message?: string;
  readonly limits: readonly MetLimit[];
  readonly containers: readonly ExplainedContainer[];
  /** Sentences: what happens at the Job's end. */
  readonly ending: readonly string[];
  /** What the patch changes, one phrase each. */
  readonly changes: readonly string[];
  readonly warnings: readonly string[];
  readonly patch: PlannedJob["patch"];
}

export interface ExplainedContainer extends ContainerPlan {
  readonly because: string;
  readonly argvFrom: string;
}

export function explain(planned: PlannedJob): Explanation {
  const { manifest, kind, namespace, name, plan, patch, jobPointer, misplacedLabel } = planned;
  const misplaced = plan.kind === "leave" && misplacedLabel ? [`${misplacedLabel}.`] : [];
  return {
    file: manifest.file,
    document: manifest.number,
    kind,
    ...(namespace ? { namespace } : {}),
    name,
    outcome: plan.kind,
    verdict: verdictOf(plan),
    ...(plan.kind === "patch" ? { strategy: plan.strategy } : { reason: plan.reason, message: plan.message }),
    limits: plan.kind === "leave" ? [] : plan.limits,
    containers: plan.containers.map(explainContainer),
    ending: plan.kind === "patch" ? endingOf(plan.strategy, plan.containers) : [],
    changes: changesOf(manifest.value, patch, jobPointer),
    warnings: [...plan.warnings, ...misplaced],
    patch,
  };
}

function verdictOf(plan: Plan): string {
  if (plan.kind === "refuse") return `refused: ${refusalOf(plan)}`;
  if (plan.kind === "leave") return `left alone: ${plan.message}`;
  const why = {
    job: "the Job asks for it",
    server: "the operator's default",
    auto: `chosen by auto, as ${autosReason(plan)}`,
  }[plan.chosenBy];
  return `${plan.strategy}: ${why}`;
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
  const { name, roleSource, argvSource } = container;
  const argvFrom = {
    manifest: "manifest",
    annotation: `command.curfew.sh/${name}`,
    "known-image": "known image",
    wrapped: "its wrapper",
    unknown: "",
  }[argvSource];
  return { ...container, because: ROLE_SOURCES[roleSource], argvFrom };
}

function endingOf(strategy: "trap" | "native", containers: readonly ContainerPlan[]): string[] {
  const named = (role: string) => containers.filter((container) => container.role === role);
  const mains = named("main");
  const sidecars = named("sidecar");
  const when = `When ${listed(mains)} ${mains.length > 1 ? "have" : "has"} ended, whatever the way`;
  const ignored = named("ignored");
  return [
    ...(strategy === "native"
      ? [
          `${when}: kubelet stops ${inReverse(sidecars)}, TERM first, KILL at the end of the Pod's grace period.`,
          ...sidecars.map(({ name }) => `${name}: ${NATIVE_CAVEAT}`),
        ]
      : [`${when}: ${sidecars.map(stopped).join("; ")}.`]),
    ...(ignored.length > 0 ? [`${listed(ignored)}: not touched; the Pod goes on until it ends by itself.`] : []),
  ];
}

/** What is another under native than for a plain container (KEP-753). */
const NATIVE_CAVEAT = "if it ends before that, kubelet restarts it, and its exit code no longer counts.";

function inReverse(sidecars: readonly ContainerPlan[]): string {
  return sidecars.length > 1 ? `${listed(sidecars.toReversed())}, in this order` : listed(sidecars);
}

function stopped({ name, gracePeriodSeconds }: ContainerPlan): string {
  return `${name} gets TERM${gracePeriodSeconds === undefined ? "" : `, and KILL ${gracePeriodSeconds} s later`}`;
}

function listed(containers: readonly ContainerPlan[]): string {
  const names = containers.map(({ name }) => name);
  return names.length < 3 ? names.join(" and ") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
