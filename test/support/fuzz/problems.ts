/**
 * What the API server would refuse about a Job's Pod template, as far as one of Curfew's patches
 * could cause it. The texts name no positions, so problems before and after a patch can be
 * compared. test/cluster/api/fuzz.test.ts asks the real API server.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go
 */
import { isObject } from "./corpus.ts";

export function problemsOf(job: unknown): ReadonlySet<string> {
  const spec = get(get(job, "spec"), "template");
  const podSpec = get(spec, "spec");
  const containers = [...list(get(podSpec, "containers")), ...list(get(podSpec, "initContainers"))];
  const volumes = list(get(podSpec, "volumes")).map((volume) => get(volume, "name"));
  const names = containers.map((container) => get(container, "name"));
  const problems = [
    ...twice(names).map((name) => `two containers ${name}`),
    ...twice(volumes).map((name) => `two volumes ${name}`),
    ...containers.flatMap((container) => problemsOfContainer(container, volumes)),
    ...list(get(get(get(job, "spec"), "podFailurePolicy"), "rules")).flatMap((rule, index) => {
      const name = get(get(rule, "onExitCodes"), "containerName");
      const unknown =
        typeof name === "string" && !names.includes(name) ? [`a rule for a container that doesn't exist, ${name}`] : [];
      return index >= 20 ? ["more than 20 rules", ...unknown] : unknown;
    }),
  ];
  if (list(get(podSpec, "containers")).length === 0) problems.push("no containers");
  for (const [key, value] of Object.entries(annotationsOf(job))) {
    if (typeof value !== "string") problems.push(`annotation ${key} isn't a string`);
  }
  return new Set(problems);
}

function problemsOfContainer(container: unknown, volumes: readonly unknown[]): string[] {
  const name = String(get(container, "name"));
  const mounts = list(get(container, "volumeMounts"));
  const paths = mounts.map((mount) => get(mount, "mountPath"));
  const words = [...list(get(container, "command")), ...list(get(container, "args"))];
  return [
    ...twice(paths).map((path) => `${name} mounts twice at ${path}`),
    ...mounts
      .map((mount) => get(mount, "name"))
      .flatMap((volume) =>
        volumes.includes(volume) ? [] : [`${name} mounts a volume that doesn't exist, ${String(volume)}`],
      ),
    ...(words.every((word) => typeof word === "string") ? [] : [`${name} has an argument that isn't a string`]),
  ];
}

function annotationsOf(job: unknown): Record<string, unknown> {
  const annotations = get(get(job, "metadata"), "annotations");
  return isObject(annotations) ? annotations : {};
}

function twice(values: readonly unknown[]): string[] {
  return values.filter((value, index) => typeof value === "string" && values.indexOf(value) !== index) as string[];
}

function get(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
