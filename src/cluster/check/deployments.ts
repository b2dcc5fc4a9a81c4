/** What runs in Curfew's namespace. */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { bad, good, warning, type Finding, type Group } from "./finding.ts";
import type { Deployment } from "./objects.ts";
import { COMPONENT_LABEL } from "./own-names.ts";

export interface DeploymentFacts {
  readonly namespace: string;
  readonly deployments: Answer<readonly Deployment[] | undefined>;
  /** Whether cert-manager issues the certificates, instead of `curfew certs`. */
  readonly hasCertManager: boolean;
}

export const DEPLOYMENTS_GROUP: Group<DeploymentFacts> = {
  title: "Deployments",
  checks: [{ id: "deployments", run: deploymentFindings }],
};

export function componentOf({ metadata }: Deployment): string | undefined {
  return metadata.labels?.[COMPONENT_LABEL];
}

function deploymentFindings({ namespace, deployments, hasCertManager }: DeploymentFacts): readonly Finding[] {
  return whenKnown(deployments, (all) => {
    const running = all ?? [];
    const needed = hasCertManager ? ["admission"] : ["admission", "certs"];
    const missing = needed.filter((component) => !running.some((each) => componentOf(each) === component));
    return [
      ...missing.map((component) => {
        const hint = "install Curfew. If it runs in another namespace, set -n";
        return bad(`there's no Deployment for ${component} in ${namespace}`, hint, docsUrl("operations", "install"));
      }),
      ...running.map(deploymentFinding),
    ];
  });
}

function deploymentFinding(deployment: Deployment): Finding {
  const { metadata, spec, status = {} } = deployment;
  const wanted = spec.replicas ?? 1;
  const { readyReplicas: ready = 0, updatedReplicas: updated = 0, observedGeneration = 0 } = status;
  const text = `${metadata.name}: ${ready} of ${wanted} Pods are ready`;
  const hint = `see why: kubectl -n ${metadata.namespace ?? ""} describe pods -l ${COMPONENT_LABEL}=${componentOf(deployment) ?? ""}`;
  const docs = docsFor(deployment);
  if (wanted === 0) return scaledToNone(deployment);
  if (ready === 0) return bad(text, hint, docs);
  if (ready < wanted) return warning(text, hint, docs);
  if (updated < wanted || observedGeneration < (metadata.generation ?? 0)) {
    const wait = `wait for it: kubectl -n ${metadata.namespace ?? ""} rollout status deployment/${metadata.name}`;
    return warning(`${metadata.name} is being rolled out: ${updated} of ${wanted} Pods are new`, wait, docs);
  }
  return good(text);
}

/** Perhaps on purpose. If it's the admission server, Jobs are affected at once. */
function scaledToNone(deployment: Deployment): Finding {
  const { name, namespace = "" } = deployment.metadata;
  const what = `${name} is scaled to 0`;
  const scale = `kubectl -n ${namespace} scale deployment/${name} --replicas`;
  const docs = docsFor(deployment);
  const component = componentOf(deployment);
  if (component === "admission")
    return bad(`${what}: no Job is planned, and Jobs that opt in themselves are refused`, `${scale} 2`, docs);
  if (component === "certs") return warning(`${what}: nothing renews the certificate`, `${scale} 1`, docs);
  return warning(what, `nothing, if that's intended. Otherwise: ${scale} 1`, docs);
}

function docsFor(deployment: Deployment): string {
  return componentOf(deployment) === "certs"
    ? docsUrl("operations", "curfew-certs-isnt-ready")
    : docsUrl("operations", "when-something-is-wrong");
}
