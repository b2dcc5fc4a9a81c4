/** charts/curfew makes what manifests/ has, and says which value is wrong. */
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../support/api.ts";
import { CHART, chartObjects, helm, HELMS } from "../support/helm.ts";
import { kubectlOutput } from "../support/kubectl.ts";

const manifests = path.join(import.meta.dirname, "../../../manifests");
const MONITORING = {
  podMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  dashboard: { enabled: true },
};

async function kustomized(folder: string): Promise<KubernetesObject[]> {
  const text = await kubectlOutput(["kustomize", path.join(manifests, folder)]);
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

/**
 * Objects by kind, namespace and name, without what has to differ: who manages them, the Namespace,
 * which Helm makes, and how Pods are replaced when the dispatcher's ConfigMap changes. kustomize
 * gives it another name then. Helm would delete the old one while old Pods use it, so the chart
 * changes an annotation of the Pods.
 */
function comparable(objects: readonly KubernetesObject[]): Record<string, unknown> {
  const ours = objects.filter(({ kind, metadata }) => kind !== "Namespace" || metadata.name !== "curfew-system");
  return Object.fromEntries(
    ours.map((object) => {
      const json = JSON.stringify(object, (key, value: unknown) =>
        /^(app\.kubernetes\.io\/managed-by|helm\.sh\/(chart|resource-policy)|checksum\/config)$/.test(key)
          ? undefined
          : value,
      ).replaceAll(/"curfew-dispatch-[0-9a-z]{10}"/g, '"curfew-dispatch"');
      const same = JSON.parse(json.replaceAll(',"annotations":{}', "")) as KubernetesObject;
      if (JSON.stringify(same.metadata["annotations"]) === "{}") delete same.metadata["annotations"];
      return [`${same.kind ?? ""} ${same.metadata.namespace ?? ""} ${same.metadata.name}`, same];
    }),
  );
}

describe.each(HELMS)("the chart, with Helm %i", (version) => {
  it("has nothing to complain about", async () => {
    const { status, stdout, stderr } = await helm(version, ["lint", "--strict", CHART]);
    expect(`${stdout}${stderr}`).not.toMatch(/WARN|ERROR/);
    expect(status).toBe(0);
  });

  it.each([
    ["default", {}, ["default"]],
    ["cert-manager", { certificates: { mode: "cert-manager" } }, ["cert-manager"]],
    ["default and dispatch", { dispatch: { enabled: true } }, ["default", "dispatch"]],
    ["default and monitoring", { monitoring: MONITORING }, ["default", "monitoring"]],
  ])("makes what manifests has, object by object: %s", async (_, values, folders) => {
    const wanted = (await Promise.all(folders.map(kustomized))).flat();
    expect(comparable(await chartObjects(version, values))).toEqual(comparable(wanted));
  });
});
