/**
 * Explanations for a terminal. Colours come from node:util's styleText, which leaves them out if
 * they aren't wanted.
 */
import { styleText } from "node:util";
import { showName } from "../injection/quote.ts";
import type { Hunk } from "./diff.ts";
import type { ExplainedContainer, Explanation } from "./explain.ts";
import { groupLimits, type ExplainedLimit } from "./limits-text.ts";
import { fold, joinBlocks } from "./text-layout.ts";

export interface Layout {
  readonly hunks: readonly Hunk[];
  /** The terminal's, in columns. */
  readonly width: number;
  /** Nothing opts it in, and the explanation is what it would get with the label. */
  readonly isPreview: boolean;
  /** What's planned: a template's kind is that of its maker. */
  readonly planned: "Job" | "CronJob" | "Pod";
  /** The kind for people. */
  readonly noun: string;
}

/** Lays an explanation out as lines of text, the last one with a line end. */
export function explanationText(explanation: Explanation, { hunks, width, isPreview, planned, noun }: Layout): string {
  const {
    outcome,
    namespace,
    name,
    template,
    optedInBy,
    file,
    document,
    message,
    containers,
    ending,
    changes,
    warnings,
    waysOut = [],
  } = explanation;
  const place = template === undefined ? "" : `, ${template}`;
  const title = styleText("bold", `${noun} ${namespace ? `${namespace}/` : ""}${name}${place}`);
  const unlabelled = template === undefined ? `This ${noun} hasn't opted in. With the label:` : "With the label:";
  const blocks = [
    [
      `${title}  ${styleText("dim", `${file}, document ${document}`)}`,
      ...(isPreview ? [`  ${styleText("cyan", unlabelled)}`] : []),
      ...(optedInBy === "namespace"
        ? [`  ${styleText("cyan", `Opted in by its Namespace, ${namespace ?? ""}:`)}`]
        : []),
      ...fold(verdict(explanation), width),
      ...groupLimits(decisive(explanation), planned).flatMap(({ who, limits }) => [
        ...fold(who, width, 4),
        ...limits.flatMap(({ limit, text, wayOut }) => [
          ...fold(`${styleText("yellow", limit)}: ${text}`, width, 6),
          ...(outcome === "refuse" ? fold(`fix: ${wayOut}`, width, 8) : []),
        ]),
      ]),
      ...waysOut.flatMap((wayOut) => fold(`fix: ${wayOut}`, width, 4)),
    ],
    containers.length > 0 ? table(containers, width) : [],
    ending.flatMap((sentence) => fold(sentence, width)),
    changes.length > 0 ? fold(`Changes: ${changes.join("; ")}.`, width) : [],
    warnings
      .map((warning) => warning.replace(`${message} `, "")) // the verdict has said that
      .flatMap((warning) => fold(`${styleText("yellow", "warning:")} ${warning}`, width)),
    hunks.flatMap(diffLines),
  ];
  return joinBlocks(blocks);
}

/** The limits of the strategy that the Job gets aren't here, as the warnings already say them. */
function decisive({ outcome, strategy, limits }: Explanation): readonly ExplainedLimit[] {
  return outcome === "patch" ? limits.filter((limit) => limit.strategy !== strategy) : limits;
}

function verdict({ outcome, strategy, message }: Explanation): string {
  if (outcome === "patch") return `strategy: ${styleText(["green", "bold"], strategy ?? "")} (${message})`;
  if (outcome === "late") return `${styleText(["green", "bold"], "late containers")}: ${message}`;
  return outcome === "leave"
    ? `${styleText(["cyan", "bold"], "left alone")}: ${message}`
    : `${styleText(["red", "bold"], "refused")}: ${message}`;
}

function table(containers: readonly ExplainedContainer[], width: number): string[] {
  const header = ["CONTAINER", "ROLE", "WHY", "RUNS", "FROM"];
  const rows = containers.map(({ name, role, because, argv, argvSource }) => [
    showName(name),
    role,
    because,
    argv.length > 0 ? argv.map(quoted).join(" ") : "unknown",
    {
      manifest: "manifest",
      annotation: `command.curfew.sh/${showName(name)}`,
      "known-image": "known image",
      wrapped: "its wrapper",
      unknown: "",
    }[argvSource],
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const others = widths.reduce((sum, each, column) => sum + (column === 3 ? 0 : each + 2), 2);
  widths[3] = Math.max(Math.min(widths[3] ?? 0, width - others), 16);
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  const styleOf = { main: "bold", sidecar: "reset", ignored: "dim", unclear: "yellow" } as const;
  return [
    styleText("dim", line(header)),
    ...rows.map((row, index) => styleText(styleOf[containers[index]?.role ?? "sidecar"], line(row))),
  ];
}

/** One element of an argv as one would write it in a shell, on one line. */
function quoted(element: string): string {
  if (/^[\w@%+=:,./$()-]+$/.test(element)) return element;
  const line = element.trimEnd().replaceAll("\n", String.raw`\n`);
  return line.includes("'") ? `"${line}"` : `'${line}'`;
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

function diffLines({ line, lines }: Hunk): string[] {
  const colours: Readonly<Record<string, "green" | "red">> = { "+": "green", "-": "red" };
  return [
    styleText("dim", `  line ${line}`),
    ...lines.map((text) => {
      const colour = colours[text[0] ?? ""];
      return colour ? styleText(colour, `  ${text}`) : `  ${text}`;
    }),
  ];
}
