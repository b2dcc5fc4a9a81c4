/**
 * manifests/ under other names, so that it can be installed beside the Curfew that the API tier's
 * tests run against. Its webhooks and policies only see Jobs and Pods with the test's own label or
 * annotation.
 */
import path from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "./api.ts";
import { kubectlOutput } from "./kubectl.ts";

const root = path.join(import.meta.dirname, "../../..");

/** Kinds without a namespace. Their names, and references to them, get the suffix. */
const CLUSTER_KINDS = [
  ...["MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
  ...["ClusterRole", "ClusterRoleBinding"],
];

/**
 * The objects of manifests/FOLDER, or of a folder elsewhere, in `namespace`; what opts in is
 * `${namespace}/enabled`.
 */
export async function renamedManifests(namespace: string, folder = "default"): Promise<KubernetesObject[]> {
  const text = await kubectlOutput(["kustomize", path.resolve(root, "manifests", folder)]);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  const names = objects.filter(({ kind = "" }) => CLUSTER_KINDS.includes(kind)).map(({ metadata }) => metadata.name);
  return objects.map((object) => {
    const refers = CLUSTER_KINDS.includes(object.kind ?? "");
    const json = JSON.stringify(object, (key, value: unknown) => {
      if (key === "policyName" || (key === "resourceNames" && object.kind === "ClusterRole")) return rename(value);
      if (key === "roleRef" && object.kind === "ClusterRoleBinding")
        return { ...(value as object), name: rename("curfew-certs") };
      return value;
    });
    const renamed = JSON.parse(
      json
        .replaceAll('"curfew-system"', `"${namespace}"`)
        .replaceAll(/curfew\.sh\/(enabled|injected)/g, `${namespace}/$1`),
    ) as KubernetesObject;
    if (refers) renamed.metadata.name = String(rename(renamed.metadata.name));
    return renamed;
  });

  function rename(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(rename);
    return typeof value === "string" && names.includes(value) ? `${value}-${namespace}` : value;
  }
}

/** As one list that kubectl reads. */
export function asList(items: readonly KubernetesObject[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
