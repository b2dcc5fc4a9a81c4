/** The part of a scan's text that says what hangs. */
import { styleText } from "node:util";
import { showName } from "../../injection/quote.ts";
import { DOUBTS, type Doubt } from "./hanging.ts";
import type { Hanging } from "./report.ts";
import { tableLines } from "./table.ts";

const COLUMNS = [
  { header: "NAMESPACE" },
  { header: "WHAT" },
  { header: "NOT ENDED" },
  { header: "SINCE", isNumber: true },
  { header: "PODS", isNumber: true },
  { header: "CORE-HOURS", isNumber: true },
  { header: "GIB-HOURS", isNumber: true },
] as const;

/** Blocks of lines: one for what certainly hangs, and one for each doubt. */
export function hangingBlocks(hanging: readonly Hanging[], width: number | undefined): string[][] {
  const certain = hanging.filter(({ doubt }) => doubt === undefined);
  return [
    certain.length === 0
      ? []
      : [styleText(["red", "bold"], "Hanging: main has ended, but something else hasn't"), ...tableOf(certain, width)],
    ...(Object.keys(DOUBTS) as Doubt[]).map((doubt) => {
      const unsure = hanging.filter((each) => each.doubt === doubt);
      if (unsure.length === 0) return [];
      return [styleText(["yellow", "bold"], `Perhaps hanging: ${DOUBTS[doubt]}`), ...tableOf(unsure, width)];
    }),
  ];
}

function tableOf(hanging: readonly Hanging[], width: number | undefined): string[] {
  const rows = Map.groupBy(hanging, keyOf);
  return tableLines(
    COLUMNS,
    [...rows.values()].map((pods) => rowOf(pods)),
    width,
  );
}

/** Pods of one Job, CronJob or row; others if they're of the same kind and have the same containers. */
function keyOf({ namespace, owner, row, left, ended }: Hanging): string {
  return JSON.stringify([namespace, row ?? owner?.kind, left.map(({ name }) => name), row ? "" : ended]);
}

function rowOf(pods: readonly Hanging[]): string[] {
  const [first] = pods;
  if (!first) return [];
  const { namespace, job, owner, row, pod, left } = first;
  const own = row?.kind === "Job" || (row === undefined && owner === undefined);
  const names = new Set(pods.map((each) => each.job ?? each.owner?.name ?? each.pod));
  const what = own ? `${job === undefined ? "Pod" : "Job"} ${job ?? pod}` : nameOf(row ?? owner);
  const more = names.size > 1 && row?.kind !== "CronJob" ? ` (and ${names.size - 1} like it)` : "";
  const sum = (of: (each: Hanging) => number): number => pods.reduce((total, each) => total + of(each), 0);
  return [
    namespace,
    `${what}${more}${pods.some(({ injected }) => injected) ? ", injected" : ""}`,
    left.map(({ name, state }) => (state === "running" ? name : `${name} (${showName(state)})`)).join(", "),
    durationOf(first.seconds), // the longest comes first
    String(pods.length),
    amount(sum(({ coreHours }) => coreHours)),
    amount(sum(({ gibHours }) => gibHours)),
  ];
}

function nameOf(named: { readonly kind: string; readonly name: string } | undefined): string {
  return named ? showName(`${named.kind} ${named.name}`) : "";
}

/** As kubectl writes ages: `42s`, `17m`, `3h12m`, `2d4h`. */
export function durationOf(seconds: number | undefined): string {
  if (seconds === undefined) return "unknown";
  const [minutes, hours, days] = [seconds / 60, seconds / 3600, seconds / 86_400].map(Math.floor);
  if (days) return `${days}d${(hours ?? 0) % 24}h`;
  if (hours) return `${hours}h${(minutes ?? 0) % 60}m`;
  return minutes ? `${minutes}m` : `${seconds}s`;
}

/** For people: two decimals, or none if it's large. */
export function amount(value: number): string {
  const digits = value >= 100 ? 0 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
