/** Whether whoever runs this may install Curfew. */
import { docsUrl } from "../../process/docs.ts";
import { notLookedAt, type Answer } from "./answer.ts";
import { bad, good, type Finding, type Group } from "./finding.ts";

/** One thing that `kubectl apply -k manifests/default` needs. */
export interface Permission {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly namespaced: boolean;
}

export interface PermissionFacts {
  readonly namespace: string;
  readonly permissions: readonly { readonly permission: Permission; readonly allowed: Answer<boolean> }[];
}

function each(
  group: string,
  namespaced: boolean,
  resources: readonly string[],
  verbs: readonly string[],
): Permission[] {
  return resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb, namespaced })));
}

const APPLY = ["get", "create", "patch"];
const ADMISSION = "admissionregistration.k8s.io";

/**
 * What the manifests hold, by kind. Kubernetes also lets nobody grant more than they have themselves
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping),
 * so the last rows are what the Roles of `curfew certs` grant.
 */
export const INSTALL_PERMISSIONS: readonly Permission[] = [
  ...each("", false, ["namespaces"], APPLY),
  ...each("", true, ["serviceaccounts", "services"], APPLY),
  ...each("apps", true, ["deployments"], APPLY),
  ...each("policy", true, ["poddisruptionbudgets"], APPLY),
  ...each("networking.k8s.io", true, ["networkpolicies"], APPLY),
  ...each("rbac.authorization.k8s.io", true, ["roles", "rolebindings"], APPLY),
  ...each("rbac.authorization.k8s.io", false, ["clusterroles", "clusterrolebindings"], APPLY),
  ...each(ADMISSION, false, ["mutatingwebhookconfigurations"], [...APPLY, "watch"]),
  ...each(ADMISSION, false, ["validatingadmissionpolicies", "validatingadmissionpolicybindings"], APPLY),
  ...each("", true, ["secrets"], ["get", "watch", "patch", "create"]),
  ...each("discovery.k8s.io", true, ["endpointslices"], ["list"]),
];

export const PERMISSIONS_GROUP: Group<PermissionFacts> = {
  title: "Your permissions",
  checks: [{ id: "permissions", run: permissionFindings }],
};

function permissionFindings({ namespace, permissions }: PermissionFacts): Finding[] {
  const [unknown] = permissions.map(({ allowed }) => allowed).filter((allowed) => allowed.kind === "unknown");
  if (unknown !== undefined) return [notLookedAt(unknown)];
  const missing = permissions.filter(({ allowed }) => allowed.kind === "known" && !allowed.value);
  if (missing.length === 0) return [good(`you're allowed to create everything that Curfew needs (in ${namespace})`)];
  const byResource = Map.groupBy(missing, ({ permission }) => permission.resource);
  const hint = "install Curfew as a cluster administrator";
  return [...byResource].map(([resource, verbs]) => {
    const text = `you're not allowed to ${verbs.map(({ permission }) => permission.verb).join(", ")} ${resource}`;
    return bad(text, hint, docsUrl("operations", "install"));
  });
}

/** The body of the question whether this is allowed. */
export function reviewOf({ group, resource, verb, namespaced }: Permission, namespace: string): object {
  return {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { group, resource, verb, ...(namespaced && { namespace }) } },
  };
}
