/** How the Jobs and Pods of manifests opt in, and which of their Namespaces do. */
import { ENABLED_KEY } from "../injection/names.ts";
import { findObjects, groupOf, valueAt } from "./find-objects.ts";

/** What it says by itself. `odd`: the value is neither "true" nor "false". */
export type OwnOptIn = "label" | "annotation" | "out" | "odd";

/**
 * What a Job or a Pod says about itself. Undefined: nothing. A Job's annotation counts like the
 * label, a Pod's doesn't count. If a Job contradicts itself, the planner refuses it.
 */
export function ownOptIn(kind: "Job" | "Pod", object: unknown): OwnOptIn | undefined {
  const label = valueAt(object, "metadata", "labels", ENABLED_KEY) ?? undefined;
  const annotation =
    kind === "Job" ? (valueAt(object, "metadata", "annotations", ENABLED_KEY) ?? undefined) : undefined;
  if (label === "true") return "label";
  if (annotation === "true") return "annotation";
  if ([label, annotation].some((value) => value === "false" || value === false)) return "out";
  return label === undefined && annotation === undefined ? undefined : "odd";
}

/**
 * The names of the Namespaces in `manifests` whose Jobs are opted in: those with the label, but not
 * those that the webhook leaves out (manifests/base/webhooks.yaml).
 */
export function enabledNamespaces(manifests: readonly unknown[]): ReadonlySet<string> {
  const names = manifests.flatMap((manifest) =>
    findObjects(manifest).flatMap(({ value }) => {
      const labels = valueAt(value, "metadata", "labels");
      const name = valueAt(value, "metadata", "name");
      if (value["kind"] !== "Namespace" || groupOf(value) !== "" || typeof name !== "string") return [];
      if (valueAt(labels, ENABLED_KEY) !== "true" || valueAt(labels, EXCLUDED) !== undefined) return [];
      return name === "kube-system" ? [] : [name];
    }),
  );
  return new Set(names);
}

const EXCLUDED = "curfew.sh/excluded";
