/** Plans what other projects' controllers make, as far as a manifest shows it. */
import type { PodPlan } from "../injection/plan.ts";
import type { Planner } from "../planner/planner.ts";
import { applyPatch } from "./edit-yaml.ts";
import { itemsAt, valueAt } from "./find-objects.ts";
import { showPath, type MadeTemplate } from "./made-template.ts";
import type { Manifest } from "./manifests.ts";
import { ownOptIn } from "./opted-in.ts";
import { planFound, type PlannedJob, type Scope } from "./plan-manifests.ts";
import { findPodMakers, type PodMaker } from "./pod-makers.ts";

export interface PlannedMaker extends PodMaker {
  readonly manifest: Manifest;
  /** The plans are for what the maker makes, and so are their patches: no manifest is patched. */
  readonly plannedTemplates: readonly PlannedTemplate[];
}

export interface PlannedTemplate extends PlannedJob {
  /** Its path in the maker, with its name if it has one. */
  readonly template: string;
}

/** Plans each template of each maker in `manifest`, in order. */
export function planMakers(manifest: Manifest, planner: Planner, scope: Scope = {}): PlannedMaker[] {
  return findPodMakers(manifest.value).map((maker) => ({
    ...maker,
    manifest,
    plannedTemplates: maker.templates.map((template) => planTemplate({ maker, manifest, template }, planner, scope)),
  }));
}

interface Placed {
  readonly maker: PodMaker;
  readonly manifest: Manifest;
  readonly template: MadeTemplate;
}

function planTemplate({ maker, manifest, template }: Placed, planner: Planner, scope: Scope): PlannedTemplate {
  const { makes: kind, made: object, late = [], path, name } = template;
  const { name: makerName, namespace } = maker;
  const found = {
    kind,
    name: makerName,
    ...(namespace === undefined ? {} : { namespace }),
    object,
    pointer: "",
    says: ownOptIn(kind, object),
  };
  const planned = planFound(found, planner, scope, []); // its paths would be those in the made object
  const plan = late.length > 0 ? planWithLate(planner, object, planned.plan, late) : planned.plan;
  return {
    ...found,
    ...planned,
    ...(plan === planned.plan ? {} : { plan, warnings: plan.warnings }),
    manifest,
    patch: [],
    template: showPath(path) + (name === undefined ? "" : ` (${name})`),
  };
}

/** As the API server does it: the Pod is planned, gets the other containers, and is planned again. */
function planWithLate(planner: Planner, pod: unknown, first: PodPlan, late: readonly unknown[]): PodPlan {
  if (first.kind === "refuse" || first.patch.length === 0) return first;
  const patched = applyPatch(pod, first.patch) as Readonly<Record<string, object>>;
  const containers = [...itemsAt(patched, "spec", "containers"), ...late];
  const plan = planner.planPod(
    { ...patched, spec: { ...(valueAt(patched, "spec") as object), containers } },
    "assumed",
  );
  return { ...plan, containers: [...first.containers, ...plan.containers] };
}
