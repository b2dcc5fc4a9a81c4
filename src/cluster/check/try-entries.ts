/** Dry runs of what each webhook entry should see. */
import { ENABLED_KEY, INJECTED_KEY, LATE_MOVED_ANNOTATION } from "../../injection/names.ts";
import type { Answer } from "./answer.ts";
import type { Asker } from "./asker.ts";
import type { EntryTrial } from "./entries.ts";
import { isExcluded, isOptedIn } from "./namespaces.ts";
import type { Named } from "./objects.ts";
import { SYSTEM_NAMESPACES } from "./own-names.ts";
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
  entry: "jobs-in-enabled-namespaces.curfew.sh",
  what: "a Job without the label",
  kind: "jobs",
  object: sampleJob(),
  mark: INJECTED_KEY,
};

/** @param wanted the namespace to use. Undefined: choose one. */
export async function tryEntries(
  asker: Asker,
  namespaces: Answer<readonly Named[] | undefined>,
  wanted: string | undefined,
): Promise<readonly EntryTrial[]> {
  const all = namespaces.kind === "known" ? (namespaces.value ?? []) : [];
  const optedIn = all.find((each) => isOptedIn(each) && (wanted === undefined || each.metadata.name === wanted))
    ?.metadata.name;
  const somewhere = wanted ?? chooseNamespace(all);
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

/** `default` if Curfew looks at it, as every cluster has it. Otherwise one that's opted in, or any other. */
export function chooseNamespace(all: readonly Named[]): string {
  const usable = all.filter((each) => !isExcluded(each) && !SYSTEM_NAMESPACES.includes(each.metadata.name));
  const chosen = usable.find(({ metadata }) => metadata.name === "default") ?? usable.find(isOptedIn) ?? usable[0];
  return chosen?.metadata.name ?? "default";
}
