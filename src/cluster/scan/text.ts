/** A scan's report as text for people. */
import { styleText } from "node:util";
import { ENABLED_KEY } from "../../injection/names.ts";
import { showName } from "../../injection/quote.ts";
import { fold, joinBlocks } from "../../offline/text-layout.ts";
import { isWhole, type Skipped } from "./gather.ts";
import { amount, hangingBlocks } from "./hanging-text.ts";
import type { Report, WorkloadRow } from "./report.ts";
import { tableLines } from "./table.ts";

const COLUMNS = [
  { header: "NAMESPACE" },
  { header: "KIND" },
  { header: "NAME" },
  { header: "JOBS", isNumber: true },
  { header: "MAIN" },
  { header: "SIDECARS" },
  { header: "CURFEW" },
] as const;

/** Without a terminal, sentences are folded to this; tables aren't cut. */
const FOLDED = 100;

/** Lays the report out. `width` is the terminal's; undefined: there's none. */
export function reportText(report: Report, width: number | undefined): string {
  const { hanging, workloads, skipped } = report;
  const sentence = (text: string, indent = 0): string[] => fold(text, width ?? FOLDED, indent);
  const rows = workloads.map(cellsOf);
  return joinBlocks([
    ...hangingBlocks(hanging, width),
    rows.length === 0
      ? []
      : [
          ...sentence(styleText("bold", `What Curfew does if a Job has the label ${ENABLED_KEY}: "true"`)),
          ...tableLines(COLUMNS, rows, width),
        ],
    unclearLines(workloads.filter(({ outcome }) => outcome === "unclear")),
    ...workloads
      .filter(({ outcome }) => outcome === "refused")
      .map((row) => [styleText("bold", `${placeOf(row)} would be refused`), ...sentence(row.message, 2)]),
    skipped.flatMap((each) => sentence(skippedLine(each))),
    totalLines(report).flatMap((line) => sentence(line)),
  ]);
}

function skippedLine(skipped: Skipped): string {
  const { namespace, kinds, message } = skipped;
  const what = isWhole(skipped) ? `the namespace ${namespace}` : `the ${kinds.join(" and ")} in ${namespace}`;
  return `Skipped ${what}: ${message}`;
}

function cellsOf({ namespace, kind, name, jobs, outcome, reason, optedIn, containers }: WorkloadRow): string[] {
  const named = (wanted: string, mark = ""): string[] =>
    containers.filter(({ role }) => role === wanted).map((container) => container.name + mark);
  const isDone = outcome === "injected" || outcome === "not-needed";
  const verdict = outcome === "not-needed" ? `not needed${reason === "opted-out" ? ": opted out" : ""}` : outcome;
  return [
    namespace,
    showName(kind), // an owner's kind and name can be any text
    kind === "Job" && jobs > 1 ? `${name} (and ${jobs - 1} like it)` : showName(name),
    String(jobs),
    [...named("main"), ...named("unclear", "?")].join(", "),
    named("sidecar").join(", "),
    isDone || !optedIn ? verdict : `${verdict}, labelled`,
  ];
}

/** The annotations to paste, once for all that need the same ones. */
function unclearLines(rows: readonly WorkloadRow[]): string[] {
  if (rows.length === 0) return [];
  const groups = Map.groupBy(rows, ({ paste }) => paste.join("\n"));
  return [
    styleText("bold", "Unclear (?): if all containers end by themselves, add the first line to the Job's annotations."),
    styleText("bold", "If one runs until it's stopped, name it as in the second line:"),
    ...[...groups.values()].flatMap((same) => [
      `  ${same.map(placeOf).slice(0, MAX_PLACES).join(", ")}${same.length > MAX_PLACES ? `, and ${same.length - MAX_PLACES} more` : ""}`,
      ...(same[0]?.paste ?? []).map((line) => `    ${line}`),
    ]),
  ];
}

const MAX_PLACES = 3;

function placeOf({ kind, namespace, name }: WorkloadRow): string {
  return showName(`${kind} ${namespace}/${name}`);
}

function totalLines({ totals, workloads, namespace, hanging }: Report): string[] {
  const { hanging: sure, perhapsHanging: unsure, outcomes } = totals;
  const number = (value: number): string => value.toLocaleString("en");
  const place = namespace === null ? "in all namespaces" : `in the namespace ${namespace}`;
  const some = (value: number, kind: string): string => `${number(value)} ${kind}${value === 1 ? "" : "s"}`;
  const unended = `${some(totals.pods, "Pod")} that ${totals.pods === 1 ? "hasn't" : "haven't"} ended`;
  const looked = `Looked at ${some(totals.jobs, "Job")}, ${some(totals.cronJobs, "CronJob")} and ${unended}, ${place}.`;
  const held = (pods: Report["totals"]["hanging"]): string =>
    `${number(pods.pods)}, requesting ${amount(pods.cpuCores)} cores and ${amount(pods.memoryGiB)} GiB; so far ${amount(pods.coreHours)} core-hours and ${amount(pods.gibHours)} GiB-hours`;
  const counts = Object.entries(outcomes).filter(([, count]) => count > 0);
  return [
    looked,
    sure.pods === 0 ? "No Pod hangs." : `Pods that hang: ${held(sure)}.`,
    ...(unsure.pods === 0 ? [] : [`Pods that perhaps hang: ${held(unsure)}.`]),
    ...(hanging.length === 0
      ? []
      : ["The cost is what the whole Pod requests: it's reserved for as long as the Pod runs."]),
    ...(workloads.length === 0
      ? ["No Job or CronJob has several plain containers, so Curfew has nothing to do."]
      : [`Rows: ${counts.map(([outcome, count]) => `${number(count)} ${outcome.replace("-", " ")}`).join(", ")}.`]),
    ...(totals.singleContainer + totals.nativeSidecars === 0
      ? []
      : [
          `No row: ${number(totals.singleContainer)} with one container, ${number(totals.nativeSidecars)} with native sidecars only.`,
        ]),
  ];
}
