/** `curfew check`: whether an installation works. */
import { CERTIFICATES_GROUP, type CertificateFacts } from "./certificates.ts";
import { DEPLOYMENTS_GROUP, type DeploymentFacts } from "./deployments.ts";
import { ENTRIES_GROUP, type EntryFacts } from "./entries.ts";
import { docsUrl } from "../../process/docs.ts";
import { bad, type Group } from "./finding.ts";
import { KUBERNETES_GROUP } from "./kubernetes.ts";
import { NAMESPACES_GROUP } from "./namespaces.ts";
import { NEIGHBOURS_GROUP } from "./neighbours.ts";
import { OPS_PORT_GROUP } from "./ops-port.ts";
import { POLICIES_GROUP } from "./policies.ts";
import type { ClusterFacts } from "./read-cluster.ts";
import { REFUSALS_GROUP, type RefusalFacts } from "./refusals.ts";
import { VERSIONS_GROUP, type VersionFacts } from "./versions.ts";

export interface AfterFacts
  extends ClusterFacts, DeploymentFacts, CertificateFacts, EntryFacts, VersionFacts, RefusalFacts {}

export const AFTER: readonly Group<AfterFacts>[] = [
  KUBERNETES_GROUP,
  DEPLOYMENTS_GROUP,
  VERSIONS_GROUP,
  OPS_PORT_GROUP,
  CERTIFICATES_GROUP,
  ENTRIES_GROUP,
  POLICIES_GROUP,
  NEIGHBOURS_GROUP,
  NAMESPACES_GROUP,
  REFUSALS_GROUP,
];

/** No part of Curfew is there, so the report says only that. */
export const NOT_INSTALLED: readonly Group<AfterFacts>[] = [
  KUBERNETES_GROUP,
  {
    title: "Deployments",
    checks: [
      {
        id: "installed",
        run: ({ namespace }) => [
          bad(
            `Curfew isn't installed: none of its Deployments are in ${namespace}, and none of its webhooks exist`,
            "to see whether you can install it, run curfew check --pre. If yours has other names, set -n and --webhook-configuration",
            docsUrl("operations", "install"),
          ),
        ],
      },
    ],
  },
];

/** Whether any part of Curfew is there. True if that isn't known. */
export function isInstalled({ deployments, mutating, own }: AfterFacts): boolean {
  if (deployments.kind === "unknown" || mutating.kind === "unknown") return true;
  const configured = (mutating.value ?? []).some(({ metadata }) => own.includes(metadata.name));
  return configured || (deployments.value ?? []).length > 0;
}
