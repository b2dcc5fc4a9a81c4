/**
 * Lists what a scan looks at, in one namespace or all of them. If all of them at once is forbidden,
 * it goes from one to the next, and passes over what it isn't allowed to list there.
 */
import { KubeRefusedError } from "../../kubernetes/list-watch.ts";
import { OutsideError } from "../../process/errors.ts";
import type { Cluster } from "../options.ts";
import { listPages, type OnPage } from "./list-pages.ts";

/** Where the objects go. The API server has validated them. An object can come twice. */
export interface Sink {
  readonly addCronJobs: OnPage;
  /** Comes after the CronJobs of the same namespace. */
  readonly addJobs: OnPage;
  /** Comes after the Jobs of the same namespace. */
  readonly addPods: OnPage;
}

export interface Skipped {
  readonly namespace: string;
  /** What wasn't listed: `CronJobs`, `Jobs` and `Pods`, or some of them. */
  readonly kinds: readonly string[];
  /** What the API server says. */
  readonly message: string;
}

/** Only Pods that haven't ended, and that are meant to end. The API server chooses them. */
const UNENDED = { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed,spec.restartPolicy!=Always" };

/** In this order. */
const KINDS = [
  { kind: "CronJobs", group: "/apis/batch/v1", resource: "cronjobs", add: "addCronJobs", query: {} },
  { kind: "Jobs", group: "/apis/batch/v1", resource: "jobs", add: "addJobs", query: {} },
  { kind: "Pods", group: "/api/v1", resource: "pods", add: "addPods", query: UNENDED },
] as const;

/** How many namespaces are listed at once. */
const AT_ONCE = 8;

/**
 * Lists CronJobs, Jobs and Pods, and resolves to the namespaces in which something was skipped.
 * @throws OutsideError if the API server doesn't answer, or allows none of it.
 */
export async function gather(cluster: Cluster, sink: Sink): Promise<readonly Skipped[]> {
  try {
    await gatherIn(cluster, cluster.namespace, sink);
    return [];
  } catch (error) {
    if (!isForbidden(error) || cluster.namespace !== undefined) throw error;
    return await gatherOneByOne(cluster, await namespacesOf(cluster, error), sink);
  }
}

async function gatherOneByOne(
  cluster: Cluster,
  namespaces: readonly string[],
  sink: Sink,
): Promise<readonly Skipped[]> {
  const skipped: Skipped[] = [];
  const waiting = [...namespaces];
  const work = async (): Promise<void> => {
    for (let namespace = waiting.shift(); namespace !== undefined; namespace = waiting.shift()) {
      const refusals: { kind: string; message: string }[] = [];
      for (const each of KINDS) {
        try {
          await list(cluster, each, namespace, sink);
        } catch (error) {
          if (!isForbidden(error)) throw error;
          refusals.push({ kind: each.kind, message: error.message });
        }
      }
      const [first] = refusals;
      if (first) skipped.push({ namespace, kinds: refusals.map(({ kind }) => kind), message: first.message });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (skipped.filter(isWhole).length === namespaces.length)
    throw new OutsideError(
      `you're not allowed to list Jobs, CronJobs and Pods in any of ${namespaces.length} namespaces`,
    );
  return skipped.toSorted((a, b) => a.namespace.localeCompare(b.namespace));
}

/** Whether nothing of it was listed. */
export function isWhole({ kinds }: Skipped): boolean {
  return kinds.length === KINDS.length;
}

async function gatherIn(cluster: Cluster, namespace: string | undefined, sink: Sink): Promise<void> {
  for (const kind of KINDS) await list(cluster, kind, namespace, sink);
}

function list(
  { client, timeoutMs }: Cluster,
  { kind, group, resource, add, query }: (typeof KINDS)[number],
  namespace: string | undefined,
  sink: Sink,
): Promise<void> {
  const place = namespace === undefined ? "" : `/namespaces/${namespace}`;
  const where = namespace === undefined ? "" : ` in ${namespace}`;
  return listPages(
    client,
    { path: `${group}${place}/${resource}`, what: `${kind}${where}`, query, timeoutMs },
    sink[add],
  );
}

async function namespacesOf({ client, timeoutMs }: Cluster, whyNotAll: KubeRefusedError): Promise<string[]> {
  const names: string[] = [];
  try {
    await listPages(client, { path: "/api/v1/namespaces", what: "Namespaces", timeoutMs }, (items) => {
      for (const item of items) names.push((item as { readonly metadata: { readonly name: string } }).metadata.name);
    });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw new OutsideError(`${whyNotAll.message}. You're not allowed to list Namespaces, either: name one with -n`);
  }
  return names;
}

function isForbidden(error: unknown): error is KubeRefusedError {
  return error instanceof KubeRefusedError && error.code === 403;
}
