import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_START_TIMEOUT_SECONDS } from "../../../src/injection/annotations.ts";
import { EVIDENCE } from "../../../src/injection/evidence.ts";
import { LIMITS, SEVERITIES } from "../../../src/injection/limits.ts";
import * as names from "../../../src/injection/names.ts";
import { LEAVE_REASONS, REFUSE_REASONS } from "../../../src/injection/reasons.ts";
import { ROLE_SOURCES } from "../../../src/injection/role.ts";
import {
  codeIn,
  itemsOf,
  paragraphsOf,
  rowsUnder as rowsOf,
  sectionsBelow,
  textUnder,
} from "../../support/markdown.ts";

const reference = readFileSync(join(import.meta.dirname, "../../../docs/reference.md"), "utf8");

const rowsUnder = (heading: string): string[][] => rowsOf(reference, heading);

test.each(["trap", "native"])("docs/reference.md describes each limit of %s as the code does", (strategy) => {
  const limits = Object.entries(LIMITS).filter(([, limit]) => limit.strategy === strategy);
  const expected = limits.map(([id, { severity, sentence, wayOut }]) => ({
    heading: `\`${id}\``,
    paragraphs: [`**${severity}.** ${sentence}`, `**Fix:** ${wayOut}`],
  }));
  const documented = sectionsBelow(reference, `Limits of ${strategy}`);
  expect(documented.map(({ heading, text }) => ({ heading, paragraphs: paragraphsOf(text) }))).toEqual(expected);
});

test("docs/reference.md has exactly the code's severities", () => {
  const documented = itemsOf(textUnder(reference, "Limits")).map((item) => codeIn(item)[0]);
  expect(documented.toSorted()).toEqual([...SEVERITIES].sort());
});

test.each([
  ["Left alone", LEAVE_REASONS],
  ["Refused", REFUSE_REASONS],
])("docs/reference.md describes each reason under %s as the code does", (heading, reasons) => {
  expect(rowsUnder(heading)).toEqual(Object.entries(reasons).map(([id, sentence]) => [`\`${id}\``, sentence]));
});

test("docs/reference.md has each annotation", () => {
  const keys = Object.entries(names).flatMap(([name, value]) => {
    if (name.endsWith("_ANNOTATION") || name === "INJECTED_KEY") return [`\`${value}\``];
    return name.endsWith("_PREFIX") ? [`\`${value}<container>\``] : [];
  });
  const documented = sectionsBelow(reference, "Annotations").map(({ heading }) => heading);
  expect(documented.toSorted()).toEqual(keys.toSorted());
});

test("docs/reference.md gives each annotation's default, and the code's default for the start timeout", () => {
  const defaultOf = (heading: string): string | undefined =>
    paragraphsOf(textUnder(reference, heading)).find((paragraph) => paragraph.startsWith("Default: "));
  for (const { heading } of sectionsBelow(reference, "Annotations"))
    if (heading !== `\`${names.INJECTED_KEY}\``) expect(defaultOf(heading), heading).toBeDefined();
  expect(defaultOf(`\`${names.START_TIMEOUT_ANNOTATION}\``)).toBe(`Default: ${DEFAULT_START_TIMEOUT_SECONDS}.`);
});

test("docs/reference.md describes each row of the evidence as the code does", () => {
  const items = Object.entries(EVIDENCE).map(([id, { because, exactly }]) => `\`${id}\`: ${because}. ${exactly}`);
  expect(itemsOf(textUnder(reference, "Evidence"))).toEqual(items);
});

test("docs/reference.md describes each way of finding a role as the code does", () => {
  const rows = Object.entries(ROLE_SOURCES).map(([id, because]) => [`\`${id}\``, because]);
  expect(rowsUnder("How a role is found")).toEqual(rows);
});
