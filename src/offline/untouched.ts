/** What `curfew inject` says about objects of other kinds: it never changes them. */
import { ENABLED_KEY } from "../injection/names.ts";
import { PROGRAM } from "../process/program.ts";
import { findObjects, valueAt } from "./find-objects.ts";
import { showPlaces } from "./made-template.ts";
import type { Manifest } from "./manifests.ts";
import { describeObject } from "./plan-manifests.ts";
import { findPodMakers, type PodMaker } from "./pod-makers.ts";
import { findUnsuited } from "./unsuited.ts";

/** One line for each place where a label is missing, however many objects have it there. */
export function untouched(manifests: readonly Manifest[]): string[] {
  const makers = manifests.flatMap(({ value }) => findPodMakers(value));
  const groups = Map.groupBy(makers.filter(isUnlabelled), ({ noun, labels }) => `${noun} ${showPlaces(labels)}`);
  const unsuited = manifests.flatMap((manifest) =>
    findObjects(manifest.value).flatMap(({ value }) => {
      const found = findUnsuited(value);
      return found ? [`${describeObject(manifest, found)}: warning: ${found.message}`] : [];
    }),
  );
  return [...[...groups.values()].map(lineFor), ...unsuited];
}

function isUnlabelled({ object, labels }: PodMaker): boolean {
  return labels.some((path) => valueAt(object, ...path, ENABLED_KEY) === undefined);
}

function lineFor(makers: readonly PodMaker[]): string {
  const [first] = makers;
  if (!first) return "";
  const { noun, name, labels } = first;
  const which = makers.length === 1 ? `${noun} ${name} isn't changed` : `${makers.length} ${noun}s aren't changed`;
  return `${which}: the label goes in ${showPlaces(labels)} (more: ${PROGRAM} explain)`;
}
