/** Annotations that are well formed and still do not say what their author may think. */
import { isCurfewAnnotation } from "./annotations.ts";
import { gracePeriodOf } from "./job.ts";
import { ENABLED_LABEL, GRACE_PERIOD_PREFIX, INJECTED_ANNOTATION, SHELL_PREFIX } from "./names.ts";
import { quote, showName } from "./quote.ts";
import { RECORD_ANNOTATIONS } from "./record.ts";
import type { Survey } from "./survey.ts";

/** Curfew reads the annotations beside its label: not those of the Pod template, nor those of a CronJob. */
export function misplacedAnnotations(annotations: unknown, bearer: "Pod template" | "CronJob"): readonly string[] {
  if (typeof annotations !== "object" || annotations === null) return [];
  // What stands beside the marker, an earlier pass has recorded.
  const recorded: readonly string[] = INJECTED_ANNOTATION in annotations ? RECORD_ANNOTATIONS : [];
  return Object.keys(annotations)
    .filter((key) => isCurfewAnnotation(key) && !recorded.includes(key))
    .slice(0, 3)
    .map((key) => `${quote(key)} has no effect on the ${bearer}: put it beside the label ${ENABLED_LABEL}.`);
}

export function uselessSettings({ containers, settings, spec }: Survey): readonly string[] {
  const warnings: string[] = [];
  if (settings.gracePeriods.size + settings.shells.size === 0) return warnings;
  const podGracePeriod = gracePeriodOf(spec);
  for (const { container, role } of containers) {
    const gracePeriod = settings.gracePeriods.get(container.name);
    if (gracePeriod !== undefined && role !== "sidecar") {
      warnings.push(
        `${GRACE_PERIOD_PREFIX}${showName(container.name)} has no effect: ${quote(container.name)} isn't a sidecar.`,
      );
    } else if (gracePeriod !== undefined && gracePeriod > podGracePeriod) {
      warnings.push(
        `${GRACE_PERIOD_PREFIX}${showName(container.name)} is cut to the Pod's terminationGracePeriodSeconds, ${podGracePeriod}.`,
      );
    }
    if (role === "ignored" && settings.shells.has(container.name)) {
      warnings.push(`${SHELL_PREFIX}${showName(container.name)} has no effect: ${quote(container.name)} is ignored.`);
    }
  }
  return warnings;
}
