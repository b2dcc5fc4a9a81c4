/** Kinds that run Pods, but aren't for Curfew, and why. */
import { ENABLED_KEY } from "../injection/names.ts";
import { groupOf, nameOf, valueAt, type ObjectName } from "./find-objects.ts";
import { showPath, type Path } from "./made-template.ts";

export interface Unsuited extends ObjectName {
  readonly kind: string;
  readonly apiVersion: unknown;
  /** Whole sentences: why it isn't for Curfew, and what to do about its label. */
  readonly message: string;
}

const RUNS_FOR_EVER = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"];

/** Their sidecars get another image: docs/tasks.md and cmd/nop/README.md of tektoncd/pipeline. */
const TEKTONS = ["Task", "TaskRun", "Pipeline", "PipelineRun"];

/** A main clause without a full stop. Undefined: nothing is known against it. */
export function reasonAgainst(object: unknown): string | undefined {
  const kind = valueAt(object, "kind");
  if (typeof kind !== "string") return undefined;
  if (RUNS_FOR_EVER.includes(kind)) return `A ${kind} runs forever, so it isn't for Curfew`;
  return groupOf(object) === "tekton.dev" && TEKTONS.includes(kind)
    ? `Tekton stops the sidecars of a ${kind} itself, so it doesn't need Curfew`
    : undefined;
}

const PLACES: readonly Path[] = [
  ["metadata", "labels"],
  ["spec", "template", "metadata", "labels"],
];

/** Undefined: it's suited, or it isn't labelled, and then nobody expects anything of Curfew. */
export function findUnsuited(object: unknown): Unsuited | undefined {
  const reason = reasonAgainst(object);
  const labelled = PLACES.filter((path) => valueAt(object, ...path, ENABLED_KEY) === "true").map(showPath);
  if (reason === undefined || labelled.length === 0) return undefined;
  const message = `${reason}: remove ${ENABLED_KEY} from ${labelled.join(" and ")}.`;
  return {
    kind: String(valueAt(object, "kind")),
    apiVersion: valueAt(object, "apiVersion"),
    ...nameOf(object),
    message,
  };
}
