/** Reads what both kinds of check judge. It asks for everything at once. */
import { known, type Answer } from "./answer.ts";
import type { Asker } from "./asker.ts";
import { looksAt } from "./matching.ts";
import type { KubernetesFacts } from "./kubernetes.ts";
import type { NamespaceFacts } from "./namespaces.ts";
import type { NeighbourFacts } from "./neighbours.ts";
import type {
  Deployment,
  EndpointSlice,
  Named,
  Node,
  Pod,
  Policy,
  PolicyBinding,
  WebhookConfiguration,
} from "./objects.ts";
import { OWN_SELECTOR, type OwnNames } from "./own-names.ts";
import type { PolicyFacts } from "./policies.ts";

export interface ClusterFacts extends KubernetesFacts, NamespaceFacts, NeighbourFacts, PolicyFacts {
  readonly names: OwnNames;
  /** Those with Curfew's labels, in its namespace or in all. */
  readonly deployments: Answer<readonly Deployment[] | undefined>;
}

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const API_SERVERS = "component=kube-apiserver";

/** @param deploymentsIn Curfew's namespace. Undefined: look in all. */
export async function readCluster(
  asker: Asker,
  names: OwnNames,
  version: Answer<string>,
  deploymentsIn?: string,
): Promise<ClusterFacts> {
  const configurations = (resource: string): Promise<Answer<readonly WebhookConfiguration[] | undefined>> =>
    asker.list<WebhookConfiguration>(`${ADMISSION}/${resource}`, `list ${resource}`);
  const deployments = deploymentsIn === undefined ? "" : `namespaces/${deploymentsIn}/`;
  const where = deploymentsIn === undefined ? "" : ` in ${deploymentsIn}`;
  const hooks = Promise.all([
    configurations("mutatingwebhookconfigurations"),
    configurations("validatingwebhookconfigurations"),
  ]);
  const [
    [mutating, validating],
    deadServices,
    policies,
    bindings,
    mutatingPolicies,
    namespaces,
    nodes,
    apiServers,
    admissionResources,
    found,
  ] = await Promise.all([
    hooks,
    hooks.then((both) =>
      readDeadServices(
        asker,
        both.flatMap((each) => (each.kind === "known" ? (each.value ?? []) : [])),
      ),
    ),
    asker.list<Policy>(`${ADMISSION}/validatingadmissionpolicies`, "list validatingadmissionpolicies"),
    asker.list<PolicyBinding>(
      `${ADMISSION}/validatingadmissionpolicybindings`,
      "list validatingadmissionpolicybindings",
    ),
    asker.list<Policy>(`${ADMISSION}/mutatingadmissionpolicies`, "list mutatingadmissionpolicies"),
    asker.list<Named>("/api/v1/namespaces", "list namespaces"),
    asker.list<Node>("/api/v1/nodes", "list nodes"),
    asker.list<Pod>(
      `/api/v1/namespaces/kube-system/pods?labelSelector=${encodeURIComponent(API_SERVERS)}`,
      "list pods in kube-system",
    ),
    readResources(asker),
    asker.list<Deployment>(
      `/apis/apps/v1/${deployments}deployments?labelSelector=${encodeURIComponent(OWN_SELECTOR)}`,
      `list deployments${where}`,
    ),
  ]);
  const own = names.configurations;
  return {
    ...{ names, namespace: names.namespace, own, version, mutating, validating, deadServices, policies, bindings },
    ...{ mutatingPolicies, namespaces, nodes, apiServers, admissionResources, deployments: found },
  };
}

async function readResources(asker: Asker): Promise<Answer<readonly string[]>> {
  const answer = await asker.get<{ readonly resources?: readonly { readonly name: string }[] }>(
    ADMISSION,
    "see which admission APIs are served",
  );
  return answer.kind === "known" ? known((answer.value?.resources ?? []).map(({ name }) => name)) : answer;
}

/** Looks for Pods behind the Services of webhooks on Jobs and Pods. */
async function readDeadServices(
  asker: Asker,
  configurations: readonly WebhookConfiguration[],
): Promise<Answer<readonly string[]>> {
  const entries = configurations.flatMap(({ webhooks = [] }) => webhooks);
  const called = entries.flatMap(({ rules, clientConfig: { service } }) =>
    service && (looksAt(rules, "Jobs") || looksAt(rules, "Pods")) ? [`${service.namespace}/${service.name}`] : [],
  );
  const answers = await Promise.all(
    [...new Set(called)].map(async (key) => ({ key, slices: await readSlices(asker, key) })),
  );
  const unknown = answers.map(({ slices }) => slices).find((slices) => slices.kind === "unknown");
  if (unknown?.kind === "unknown") return unknown;
  return known(
    answers.flatMap(({ key, slices }) => {
      const endpoints = slices.kind === "known" ? (slices.value ?? []).flatMap((slice) => slice.endpoints ?? []) : [];
      return endpoints.some(({ conditions }) => conditions?.ready ?? true) ? [] : [key];
    }),
  );
}

function readSlices(asker: Asker, service: string): Promise<Answer<readonly EndpointSlice[] | undefined>> {
  const [namespace = "", name = ""] = service.split("/");
  const selector = encodeURIComponent(`kubernetes.io/service-name=${name}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`;
  return asker.list<EndpointSlice>(path, `list endpointslices in ${namespace}`);
}
