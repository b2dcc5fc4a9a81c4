/** A scan's result as values, for `-o json` and for the text. docs/reference.md describes it. */
import type { Collector, HangingPod } from "./collector.ts";
import { needsWork, type Evaluation, type Outcome } from "./evaluate.ts";
import type { Skipped } from "./gather.ts";
import type { Group } from "./groups.ts";
import { DOUBTS, type Doubt } from "./hanging.ts";
import type { LeftContainer } from "./pod.ts";

interface ObjectName {
  readonly kind: string;
  readonly name: string;
}

/** What Pods hold, and what that has cost since their work ended. */
export interface Cost {
  readonly cpuCores: number;
  readonly memoryGiB: number;
  readonly coreHours: number;
  readonly gibHours: number;
}

export interface Hanging extends Cost {
  readonly namespace: string;
  readonly pod: string;
  readonly job?: string;
  /** What controls the Job, such as a CronJob; without a Job, what controls the Pod. */
  readonly owner?: ObjectName;
  /** Only for a Job's Pod: what the Job's row in `workloads` has. It has none if it's simple. */
  readonly row?: ObjectName;
  readonly certainty: "certain" | "perhaps";
  /** Only for `perhaps`. */
  readonly doubt?: Doubt;
  readonly message?: string;
  readonly left: readonly LeftContainer[];
  readonly ended: readonly string[];
  /** RFC 3339. Absent: kubelet has forgotten when the work ended. */
  readonly since?: string;
  readonly seconds?: number;
  readonly injected: boolean;
}

export interface WorkloadRow extends Evaluation {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly jobs: number;
  readonly activeJobs: number;
  /** Whether it has to be changed so that Curfew can let it end. `--fail` counts these. */
  readonly needsWork: boolean;
}

export interface Report {
  readonly schemaVersion: 1;
  readonly cluster: string;
  /** Null: all of them. */
  readonly namespace: string | null;
  readonly hanging: readonly Hanging[];
  readonly workloads: readonly WorkloadRow[];
  readonly skipped: readonly Skipped[];
  readonly totals: Totals;
}

export interface Totals {
  readonly namespaces: number;
  readonly cronJobs: number;
  readonly jobs: number;
  /** Those that haven't ended, and are meant to. */
  readonly pods: number;
  readonly hanging: Cost & { readonly pods: number };
  readonly perhapsHanging: Cost & { readonly pods: number };
  /** Rows of `workloads`. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Jobs and CronJobs without a row: they have one container at most next to native sidecars. */
  readonly singleContainer: number;
  readonly nativeSidecars: number;
  readonly needWork: number;
}

interface Scope {
  readonly cluster: string;
  readonly namespace: string | undefined;
  readonly skipped: readonly Skipped[];
}

/** Makes the report. Pure. The longest hanging come first. */
export function makeReport(collected: Collector, { cluster, namespace, skipped }: Scope): Report {
  const hanging = [...collected.hanging.values()].map(describe).toSorted((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0));
  const groups = [...collected.groups.values()];
  const workloads = groups.flatMap(rowOf).toSorted(byPlace);
  const simple = (wanted: string) =>
    groups.reduce((sum, { evaluation, isCronJob, jobs }) => {
      return "simple" in evaluation && evaluation.simple === wanted ? sum + jobs + (isCronJob ? 1 : 0) : sum;
    }, 0);
  const count = (wanted: Outcome) => workloads.filter(({ outcome }) => outcome === wanted).length;
  const totals: Totals = {
    namespaces: collected.namespaces.size,
    cronJobs: collected.cronJobs.size,
    jobs: collected.jobs.size,
    pods: collected.pods.size,
    hanging: sumOf(hanging.filter(({ certainty }) => certainty === "certain")),
    perhapsHanging: sumOf(hanging.filter(({ certainty }) => certainty === "perhaps")),
    outcomes: {
      trap: count("trap"),
      native: count("native"),
      unclear: count("unclear"),
      refused: count("refused"),
      injected: count("injected"),
      "not-needed": count("not-needed"),
    },
    singleContainer: simple("single-container"),
    nativeSidecars: simple("native-sidecars"),
    needWork: workloads.filter((row) => row.needsWork).length,
  };
  return { schemaVersion: 1, cluster, namespace: namespace ?? null, hanging, workloads, skipped, totals };
}

const MS_PER_HOUR = 3_600_000;
const GIB = 2 ** 30;

function describe(found: HangingPod): Hanging {
  const { namespace, pod, job, owner, group, doubt, left, ended, since, now, requests, isInjected } = found;
  const ms = since === undefined ? undefined : Math.max(now - since, 0);
  const hours = (ms ?? 0) / MS_PER_HOUR;
  return {
    namespace,
    pod,
    ...(job === undefined ? {} : { job }),
    ...(owner ? { owner: nameOf(owner) } : {}),
    ...(group ? { row: nameOf(group) } : {}),
    certainty: doubt === undefined ? "certain" : "perhaps",
    ...(doubt === undefined ? {} : { doubt, message: DOUBTS[doubt] }),
    left,
    ended,
    ...(since === undefined || ms === undefined
      ? {}
      : { since: new Date(since).toISOString(), seconds: Math.round(ms / 1000) }),
    cpuCores: requests.cpu,
    memoryGiB: requests.memory / GIB,
    coreHours: requests.cpu * hours,
    gibHours: (requests.memory / GIB) * hours,
    injected: isInjected,
  };
}

function nameOf({ kind, name }: ObjectName): ObjectName {
  return { kind, name };
}

function rowOf({ namespace, kind, name, evaluation, jobs, active, isCronJob, newestInjected }: Group): WorkloadRow[] {
  if ("simple" in evaluation) return [];
  const { outcome } = evaluation;
  // Whatever opted it in, such as its Namespace: its Jobs are injected when they're created.
  const isHandled = isCronJob && newestInjected && (outcome === "trap" || outcome === "native");
  const own: Evaluation = isHandled ? { ...evaluation, outcome: "injected", message: HANDLED } : evaluation;
  return [{ namespace, kind, name, jobs, activeJobs: active, ...own, needsWork: needsWork(own, kind) }];
}

const HANDLED = "Curfew injected its newest Job.";

function byPlace(a: WorkloadRow, b: WorkloadRow): number {
  return a.namespace.localeCompare(b.namespace) || a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name);
}

function sumOf(pods: readonly Hanging[]): Cost & { readonly pods: number } {
  const sum = (of: (pod: Hanging) => number) => pods.reduce((total, pod) => total + of(pod), 0);
  return {
    pods: pods.length,
    cpuCores: sum((pod) => pod.cpuCores),
    memoryGiB: sum((pod) => pod.memoryGiB),
    coreHours: sum((pod) => pod.coreHours),
    gibHours: sum((pod) => pod.gibHours),
  };
}
