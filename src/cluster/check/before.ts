/** `curfew check --pre`: whether Curfew can be installed, and would work. */
import { known, type Answer } from "./answer.ts";
import type { Asker } from "./asker.ts";
import { EARLIER_GROUP, type EarlierFacts } from "./earlier.ts";
import type { Group } from "./finding.ts";
import { KUBERNETES_GROUP } from "./kubernetes.ts";
import { isExcluded, isOptedIn, NAMESPACES_GROUP } from "./namespaces.ts";
import { NEIGHBOURS_GROUP } from "./neighbours.ts";
import type { Named, Pod } from "./objects.ts";
import { SYSTEM_NAMESPACES, type OwnNames } from "./own-names.ts";
import { INSTALL_PERMISSIONS, PERMISSIONS_GROUP, reviewOf, type PermissionFacts } from "./permissions.ts";
import { readCluster, type ClusterFacts } from "./read-cluster.ts";
import { plannedPod, plainPod } from "./sample.ts";
import { WRAPPERS_GROUP, type WrapperFacts, type WrapperTrial } from "./wrappers.ts";

export interface BeforeFacts extends ClusterFacts, PermissionFacts, WrapperFacts, EarlierFacts {}

export const BEFORE: readonly Group<BeforeFacts>[] = [
  KUBERNETES_GROUP,
  PERMISSIONS_GROUP,
  EARLIER_GROUP,
  NEIGHBOURS_GROUP,
  NAMESPACES_GROUP,
  WRAPPERS_GROUP,
];

/** Each needs two or three requests, so not all of a large cluster is tried. */
const MAX_TRIED = 50;

export async function readBefore(asker: Asker, names: OwnNames, version: Answer<string>): Promise<BeforeFacts> {
  const [facts, permissions] = await Promise.all([readCluster(asker, names, version), readPermissions(asker, names)]);
  const all = facts.namespaces.kind === "known" ? (facts.namespaces.value ?? []) : [];
  const candidates = all.filter((namespace) => mayHaveJobs(namespace, names)).toSorted(optedInFirst);
  const tried = candidates.slice(0, MAX_TRIED).map(({ metadata }) => tryWrappers(asker, metadata.name));
  const trials = facts.namespaces.kind === "known" ? known(await Promise.all(tried)) : facts.namespaces;
  return { ...facts, permissions, candidates: candidates.length, trials };
}

function mayHaveJobs(namespace: Named, { namespace: own }: OwnNames): boolean {
  const { name } = namespace.metadata;
  return name !== own && !SYSTEM_NAMESPACES.includes(name) && !isExcluded(namespace);
}

function optedInFirst(one: Named, other: Named): number {
  return Number(isOptedIn(other)) - Number(isOptedIn(one));
}

function readPermissions(asker: Asker, { namespace }: OwnNames): Promise<PermissionFacts["permissions"]> {
  return Promise.all(
    INSTALL_PERMISSIONS.map(async (permission) => {
      const answer = await asker.ask<{ readonly status?: { readonly allowed?: boolean } }>(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        reviewOf(permission, namespace),
        "ask which permissions you have",
      );
      return { permission, allowed: answer.kind === "known" ? known(answer.value.status?.allowed === true) : answer };
    }),
  );
}

async function tryWrappers(asker: Asker, namespace: string): Promise<WrapperTrial> {
  const attempt = (pod: object) =>
    asker.tryCreate<Pod>(`/api/v1/namespaces/${namespace}/pods`, pod, `create pods in ${namespace}`);
  const sent = { trap: plannedPod("trap") as Pod, native: plannedPod("native") as Pod };
  const [trap, native] = await Promise.all([attempt(sent.trap), attempt(sent.native)]);
  const plain = trap.kind === "accepted" && native.kind === "accepted" ? undefined : await attempt(plainPod());
  return { namespace, sent, tried: { trap, native }, plain };
}
