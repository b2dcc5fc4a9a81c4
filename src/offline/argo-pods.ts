/**
 * The Pods that Argo Workflows makes of a Workflow's templates, as far as Curfew reads them. The
 * source is createWorkflowPod in workflow/controller/workflowpod.go of argoproj/argo-workflows:
 * `wait` comes first, then the template's own containers, then its sidecars; all but `wait` are run
 * by argoexec; and kubectl's default container is `main`, or else the last one that isn't a sidecar.
 */
import { isObject, itemsAt, valueAt } from "./find-objects.ts";
import { named, type MadeTemplate, type Path } from "./made-template.ts";

const EXECUTOR_IMAGE = "quay.io/argoproj/argoexec";
const EXECUTOR = ["/var/run/argo/argoexec", "emissary", "--"];

/** The templates that become Pods: not steps, dag, suspend, or what runs without containers. */
export function argoPods(object: unknown, spec: Path): MadeTemplate[] {
  return itemsAt(object, ...spec, "templates").flatMap((template, index) => {
    const path = [...spec, "templates", index];
    const containers = ownContainers(template);
    if (containers.length === 0) return [];
    const podMetadata = valueAt(object, ...spec, "podMetadata");
    const merged = (key: "labels" | "annotations") => ({
      ...fieldsOf(valueAt(podMetadata, key)),
      ...fieldsOf(valueAt(template, "metadata", key)),
    });
    const names = containers.map((container) => valueAt(container, "name"));
    const made = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        labels: merged("labels"),
        annotations: {
          "kubectl.kubernetes.io/default-container": names.includes("main") ? "main" : names.at(-1),
          ...merged("annotations"),
        },
      },
      spec: {
        restartPolicy: "Never",
        containers: [
          { name: "wait", image: EXECUTOR_IMAGE, command: ["argoexec"], args: ["wait"] },
          ...[...containers, ...itemsAt(template, "sidecars")].map(byExecutor),
        ],
        initContainers: [
          { name: "init", image: EXECUTOR_IMAGE, command: ["argoexec"], args: ["init"] },
          ...itemsAt(template, "initContainers"),
        ],
      },
    };
    const labels = [...spec, "podMetadata", "labels"];
    return [{ ...named(template), path, labels, makes: "Pod" as const, made }];
  });
}

function ownContainers(template: unknown): readonly unknown[] {
  const only = valueAt(template, "container") ?? valueAt(template, "script");
  return isObject(only) ? [{ name: "main", ...only }] : itemsAt(template, "containerSet", "containers");
}

/** Without a command, Argo looks up the image's entry point, and runs that in the same way. */
function byExecutor(container: unknown): unknown {
  const command = valueAt(container, "command");
  return {
    ...fieldsOf(container),
    command: [...EXECUTOR, ...(Array.isArray(command) ? (command as unknown[]) : ["…"])],
  };
}

function fieldsOf(value: unknown): object {
  return isObject(value) ? value : {};
}
