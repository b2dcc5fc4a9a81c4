/** Dry runs of what each webhook entry should see. */
import { ENABLED_KEY, INJECTED_KEY, LATE_MOVED_ANNOTATION } from "../../injection/names.ts";
import type { Asker } from "./asker.ts";
import type { EntryTrial } from "./entries.ts";
import { selects } from "./matching.ts";
import { IN_NAMESPACES, isExcluded, isOptedIn, optInOf } from "./namespaces.ts";
import type { Named, WebhookConfiguration } from "./objects.ts";
import { SYSTEM_NAMESPACES } from "./own-names.ts";
import type { ClusterFacts } from "./read-cluster.ts";
import { plannedPod, sampleJob, samplePod } from "./sample.ts";

const ENABLED = { [ENABLED_KEY]: "true" };

interface Attempt {
  readonly entry: string;
  readonly what: string;
  readonly kind: "jobs" | "pods";
  readonly object: object;
  readonly mark: string;
}

/** What opts in by itself can be tried in any namespace. */
const ATTEMPTS: readonly Attempt[] = [
  {
    entry: "jobs-labelled-enabled-need-curfew-running.curfew.sh",
    what: "a Job with the label",
    kind: "jobs",
    object: sampleJob({ labels: ENABLED }),
    mark: INJECTED_KEY,
  },
  {
    entry: "jobs-annotated-enabled-need-curfew-running.curfew.sh",
    what: "a Job with the annotation",
    kind: "jobs",
    object: sampleJob({ annotations: ENABLED }),
    mark: INJECTED_KEY,
  },
  {
    entry: "pods-labelled-enabled-need-curfew-running.curfew.sh",
    what: "a Pod with the label",
    kind: "pods",
    object: samplePod(ENABLED),
    mark: INJECTED_KEY,
  },
  {
    entry: "containers-added-to-pods-of-jobs.curfew.sh",
    what: "a planned Job's Pod with an added container",
    kind: "pods",
    object: plannedPod("native", ["added"]),
    mark: LATE_MOVED_ANNOTATION,
  },
];

const IN_NAMESPACE: Attempt = {
  entry: IN_NAMESPACES,
  what: "a Job without the label",
  kind: "jobs",
  object: sampleJob(),
  mark: INJECTED_KEY,
};

/**
 * @param wanted the namespace to use. Undefined: choose one.
 * @param mutating the configurations, and `own` the names of Curfew's: what they leave out isn't tried
 */
export async function tryEntries(
  asker: Asker,
  { namespaces, mutating, own }: Pick<ClusterFacts, "namespaces" | "mutating" | "own">,
  wanted: string | undefined,
): Promise<readonly EntryTrial[]> {
  const all = namespaces.kind === "known" ? (namespaces.value ?? []) : [];
  const optsIn = optInOf({ own, mutating });
  const isWanted = ({ metadata }: Named): boolean => wanted === undefined || metadata.name === wanted;
  const optedIn = all.find((each) => optsIn(each) && isWanted(each))?.metadata.name;
  const configurations = mutating.kind === "known" ? (mutating.value ?? []) : [];
  const ours = configurations.filter(({ metadata }) => own.includes(metadata.name));
  const somewhere = wanted ?? chooseNamespace(all.filter((each) => isLookedAt(each, ours)));
  const attempts = [
    ...ATTEMPTS.map((attempt) => ({ attempt, namespace: somewhere })),
    ...(optedIn === undefined ? [] : [{ attempt: IN_NAMESPACE, namespace: optedIn }]),
  ];
  return Promise.all(
    attempts.map(async ({ attempt: { entry, what, kind, object, mark }, namespace }) => {
      const path =
        kind === "jobs" ? `/apis/batch/v1/namespaces/${namespace}/jobs` : `/api/v1/namespaces/${namespace}/pods`;
      const tried = await asker.tryCreate<Named>(path, object, `create ${kind} in ${namespace}`);
      return { entry, what, namespace, mark, tried };
    }),
  );
}

/** Whether the entries that can be tried in any namespace look at this one. */
function isLookedAt(namespace: Named, ours: readonly WebhookConfiguration[]): boolean {
  const entries = ours
    .flatMap(({ webhooks = [] }) => webhooks)
    .filter(({ name }) => ATTEMPTS.some(({ entry }) => entry === name));
  return entries.every(({ namespaceSelector }) => selects(namespaceSelector, namespace));
}

/** `default` if Curfew looks at it, as every cluster has it. Otherwise one that's opted in, or any other. */
export function chooseNamespace(all: readonly Named[]): string {
  const usable = all.filter((each) => !isExcluded(each) && !SYSTEM_NAMESPACES.includes(each.metadata.name));
  const chosen = usable.find(({ metadata }) => metadata.name === "default") ?? usable.find(isOptedIn) ?? usable[0];
  return chosen?.metadata.name ?? "default";
}
