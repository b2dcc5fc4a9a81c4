/**
 * Kinds of other projects whose controllers make Pods or Jobs: where each has its Pod templates, and
 * where the label goes so that it's on what the controller makes. Curfew never edits them.
 */
import { findObjects, groupOf, itemsAt, nameOf, valueAt, type FoundObject, type ObjectName } from "./find-objects.ts";
import { argoPods } from "./argo-pods.ts";
import { named, type MadeTemplate, type Path } from "./made-template.ts";

/** An object whose controller makes Pods or Jobs. */
export interface PodMaker extends ObjectName {
  readonly kind: string;
  readonly apiVersion: unknown;
  /** For people: its kind, with the project's name if there's a kind of that name in Kubernetes. */
  readonly noun: string;
  readonly object: FoundObject["value"];
  /** Sentences: who makes what, and what the label is for. */
  readonly about: string;
  /** Where the label goes, even if the manifest has no template: one path, or one per template. */
  readonly labels: readonly Path[];
  readonly templates: readonly MadeTemplate[];
}

interface MakerKind {
  readonly group: string;
  readonly kinds: readonly string[];
  readonly about: string;
  /** Where the label goes if there's no template. */
  readonly labels: (kind: string) => readonly Path[];
  readonly templates: (object: unknown, kind: string) => readonly MadeTemplate[];
}

/** The makers in a manifest, in their order. */
export function findPodMakers(manifest: unknown): PodMaker[] {
  return findObjects(manifest).flatMap(({ value: object }) => {
    const { kind, apiVersion } = object;
    const row = MAKER_KINDS.find((each) => each.group === groupOf(object) && each.kinds.some((name) => name === kind));
    if (!row || typeof kind !== "string") return [];
    const templates = row.templates(object, kind);
    const own = new Map(templates.map(({ labels }) => [labels.join(), labels]));
    const labels = own.size > 0 ? [...own.values()] : row.labels(kind);
    const noun = kind === "Job" ? "Volcano Job" : kind;
    return [{ kind, apiVersion, noun, ...nameOf(object), object, about: row.about, labels, templates }];
  });
}

const specOf = (kind: string): Path =>
  ({ CronWorkflow: ["spec", "workflowSpec"], ScheduledSparkApplication: ["spec", "template"] })[kind] ?? ["spec"];

const MAKER_KINDS: readonly MakerKind[] = [
  {
    // Labels: addMetadata in workflow/controller/workflowpod.go of argoproj/argo-workflows. Ends: its
    // docs/sidecar-injection.md.
    group: "argoproj.io",
    kinds: ["Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate"],
    about:
      "Argo Workflows makes a Pod of each template, and ends the sidecars that the template has. Curfew also ends those that other webhooks add.",
    labels: (kind) => [[...specOf(kind), "podMetadata", "labels"]],
    templates: (object, kind) => argoPods(object, specOf(kind)),
  },
  {
    // driver and executor: SparkPodSpec in api/v1beta2/sparkapplication_types.go of
    // kubeflow/spark-operator. Its webhook adds the sidecars: internal/webhook/sparkpod_defaulter.go.
    group: "sparkoperator.k8s.io",
    kinds: ["SparkApplication", "ScheduledSparkApplication"],
    about:
      "Spark makes the Pods of the driver and its executors. Its operator's webhook adds their sidecars when they're created.",
    labels: (kind) => [[...specOf(kind), "driver", "labels"]],
    templates: (object, kind) => sparkPods(object, specOf(kind)),
  },
  {
    // constructJob in pkg/controllers/jobset_controller.go of kubernetes-sigs/jobset copies the
    // template's labels and annotations to each Job.
    group: "jobset.x-k8s.io",
    kinds: ["JobSet"],
    about: "JobSet makes a Job of each of its replicatedJobs, with the template's labels.",
    labels: () => [["spec", "replicatedJobs", 0, "template", "metadata", "labels"]],
    templates: (object) => listed(object, ["spec", "replicatedJobs"], "Job"),
  },
  {
    // TaskSpec in pkg/apis/batch/v1alpha1/job.go of volcano-sh/apis: a v1 PodTemplateSpec.
    group: "batch.volcano.sh",
    kinds: ["Job"],
    about: "Volcano makes a Pod of each task's template, with the template's labels.",
    labels: () => [["spec", "tasks", 0, "template", "metadata", "labels"]],
    templates: (object) => listed(object, ["spec", "tasks"], "Pod"),
  },
];

/** A list whose items have a `template` with metadata and spec. */
function listed(object: unknown, list: Path, makes: "Job" | "Pod"): MadeTemplate[] {
  return itemsAt(object, ...list).map((item, index) => {
    const path = [...list, index, "template"];
    const made = {
      apiVersion: makes === "Job" ? "batch/v1" : "v1",
      kind: makes,
      metadata: valueAt(item, "template", "metadata"),
      spec: valueAt(item, "template", "spec"),
    };
    return { ...named(item), path, labels: [...path, "metadata", "labels"], makes, made };
  });
}

/** The container's names are Spark's: core/…/deploy/k8s/Constants.scala of apache/spark. */
function sparkPods(object: unknown, spec: Path): MadeTemplate[] {
  return (["driver", "executor"] as const).flatMap((role) => {
    const path = [...spec, role];
    const part = valueAt(object, ...path);
    if (part === undefined) return [];
    const container = {
      name: `spark-kubernetes-${role}`,
      image: valueAt(part, "image") ?? valueAt(object, ...spec, "image"),
      args: [role],
    };
    const made = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { labels: valueAt(part, "labels"), annotations: valueAt(part, "annotations") },
      spec: {
        restartPolicy: "Never",
        containers: [container],
      },
    };
    const late = itemsAt(part, "sidecars");
    return [{ name: role, path, labels: [...path, "labels"], makes: "Pod", made, late }];
  });
}
