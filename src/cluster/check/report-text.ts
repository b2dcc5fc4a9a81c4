/** A report for people. Colours come from styleText, which leaves them out where there's no terminal. */
import { styleText } from "node:util";
import { printable } from "../../injection/quote.ts";
import { fold } from "../../offline/text-layout.ts";
import { asTyped } from "../../process/program.ts";
import { count, type Mark, type ReportedFinding, type ReportedGroup } from "./finding.ts";

const SYMBOLS = {
  good: { symbol: "✔", style: "green" },
  warning: { symbol: "‼", style: "yellow" },
  bad: { symbol: "✖", style: "red" },
} as const satisfies Record<Mark, unknown>;

/** @param width in columns */
export function reportText(groups: readonly ReportedGroup[], width: number): string {
  const blocks = groups.map(({ title, findings }) => [
    styleText("bold", title),
    ...findings.flatMap((finding, index) => findingLines(finding, findings[index + 1], width)),
  ]);
  return [...blocks, [verdict(groups)]].map((lines) => `${lines.join("\n")}\n`).join("\n");
}

/** What to do isn't repeated if it's the same for the next finding. */
function findingLines(
  { mark, text, hint, docs }: ReportedFinding,
  next: ReportedFinding | undefined,
  width: number,
): string[] {
  const { symbol, style } = SYMBOLS[mark];
  const line = fold(`${styleText(style, symbol)} ${printable(text)}`, width);
  if (next?.hint === hint && next?.docs === docs) return line;
  return [
    ...line,
    ...(hint === undefined ? [] : fold(`what to do: ${asTyped(printable(hint))}`, width, 6)),
    ...(docs === undefined ? [] : [`      ${styleText("dim", docs)}`]),
  ];
}

function verdict(groups: readonly ReportedGroup[]): string {
  const [bad, warning] = [count(groups, "bad"), count(groups, "warning")];
  if (bad + warning === 0) return `${styleText("green", "✔")} all is well`;
  const parts = [
    ...(bad > 0 ? [`${styleText("red", "✖")} ${bad} to fix`] : []),
    ...(warning > 0 ? [`${styleText("yellow", "‼")} ${warning} to look at`] : []),
  ];
  return parts.join(", ");
}
