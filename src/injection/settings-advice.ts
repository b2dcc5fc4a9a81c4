/** Warnings about annotations that are valid, but don't do what their author might think. */
import { isCurfewAnnotation } from "./annotations.ts";
import { gracePeriodOf } from "./job.ts";
import { ENABLED_KEY, GRACE_PERIOD_PREFIX, INJECTED_KEY, SHELL_PREFIX } from "./names.ts";
import { quote, showName } from "./quote.ts";
import { RECORD_ANNOTATIONS } from "./record.ts";
import type { Survey } from "./survey.ts";

/**
 * Warns about settings in the wrong place. Curfew reads the Job's: not those of the Pod template
 * or of a CronJob. `annotations` can be of any shape.
 */
export function misplacedAnnotations(annotations: unknown, bearer: "Pod template" | "CronJob"): readonly string[] {
  if (typeof annotations !== "object" || annotations === null) return [];
  const right = bearer === "CronJob" ? "spec.jobTemplate.metadata" : "the Job's metadata";
  // An earlier pass wrote what's next to the marker.
  const recorded: readonly string[] = INJECTED_KEY in annotations ? RECORD_ANNOTATIONS : [];
  return Object.keys(annotations)
    .filter((key) => isCurfewAnnotation(key) && key !== ENABLED_KEY && !recorded.includes(key))
    .slice(0, 3)
    .map((key) => `${quote(key)} has no effect on the ${bearer}: put it in ${right}.`);
}

/** Warns about settings that have no effect on their container, or less than they say. */
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
        `${GRACE_PERIOD_PREFIX}${showName(container.name)} is limited to the Pod's terminationGracePeriodSeconds, ${podGracePeriod}.`,
      );
    }
    if (role === "ignored" && settings.shells.has(container.name)) {
      warnings.push(`${SHELL_PREFIX}${showName(container.name)} has no effect: ${quote(container.name)} is ignored.`);
    }
  }
  return warnings;
}
