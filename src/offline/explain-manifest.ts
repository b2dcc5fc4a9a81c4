/** Everything that `curfew explain` says about one manifest. */
import type { Planner } from "../planner/planner.ts";
import { diffManifest } from "./diff.ts";
import { explainMaker, explainUnsuited, makerText, missingLabels, type MakerExplanation } from "./explain-maker.ts";
import { explanationText } from "./explain-text.ts";
import { explain, explainTemplate, type Explanation } from "./explain.ts";
import { findObjects } from "./find-objects.ts";
import type { Manifest } from "./manifests.ts";
import { planMakers } from "./plan-makers.ts";
import { planManifest, type Scope } from "./plan-manifests.ts";
import { findUnsuited } from "./unsuited.ts";

export interface ExplainedManifest {
  /** Jobs, CronJobs and Pods, and the templates of what other kinds make. */
  readonly jobs: readonly Explanation[];
  /** Objects of other kinds. */
  readonly others: readonly MakerExplanation[];
  /** Whether something that's opted in would be refused. */
  readonly hasRefusals: boolean;
  /** The same for people, one text for each. */
  readonly texts: () => readonly string[];
}

/** Explains the Jobs, the Pods and the other kinds in `manifest`. `width` is the terminal's. */
export function explainManifest(
  manifest: Manifest,
  planner: Planner,
  { scope, width }: { readonly scope: Scope; readonly width: number },
): ExplainedManifest {
  const jobs = planManifest(manifest, planner, scope).map((planned) => {
    const explanation = explain(planned);
    const { isPreview, kind } = planned;
    const text = () => {
      const hunks = diffManifest(planned.manifest, planned.patch);
      return explanationText(explanation, { hunks, width, isPreview, planned: kind, noun: kind });
    };
    return { planned, explanation, text };
  });
  const makers = planMakers(manifest, planner, scope).map((maker) => {
    const templates = maker.plannedTemplates.map((planned) => {
      const explanation = explainTemplate(planned, maker);
      const { isPreview, kind } = planned;
      const text = () => explanationText(explanation, { hunks: [], width, isPreview, planned: kind, noun: maker.noun });
      return { planned, explanation, text };
    });
    const explanation = explainMaker(maker, manifest);
    return {
      explanation,
      templates,
      text: () => makerText(explanation, { noun: maker.noun, snippet: missingLabels(maker), width }),
    };
  });
  const unsuited = findObjects(manifest.value).flatMap(({ value }) => {
    const found = findUnsuited(value);
    return found ? [explainUnsuited(found, manifest)] : [];
  });
  const all = [...jobs, ...makers.flatMap(({ templates }) => templates)];
  return {
    jobs: all.map(({ explanation }) => explanation),
    others: [...makers.map(({ explanation }) => explanation), ...unsuited],
    hasRefusals: all.some(({ planned: { plan, isPreview } }) => plan.kind === "refuse" && !isPreview),
    texts: () => [
      ...jobs.map(({ text }) => text()),
      ...makers.flatMap((maker) => [maker.text(), ...maker.templates.map(({ text }) => text())]),
      ...unsuited.map((explanation) => makerText(explanation, { noun: explanation.kind, snippet: "", width })),
    ],
  };
}
