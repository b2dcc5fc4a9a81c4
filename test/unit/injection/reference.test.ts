import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as annotations from "../../../src/injection/annotations.ts";
import { LIMITS } from "../../../src/injection/limits.ts";
import { INJECTED_ANNOTATION } from "../../../src/injection/plan.ts";
import { LEAVE_REASONS, REFUSE_REASONS } from "../../../src/injection/reasons.ts";

const reference = readFileSync(join(import.meta.dirname, "../../../docs/reference.md"), "utf8");

/** The rows of the table under a heading, as texts of their cells. */
function rowsUnder(heading: string): string[][] {
  const section = new RegExp(`^#+ ${heading}\n((?:(?!^#).*\n)*)`, "m").exec(reference)?.[1] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

test("docs/reference.md has each limit, as the code has it", () => {
  const limits = Object.entries(LIMITS).map(([id, { strategy, hardness, sentence, wayOut }]) => {
    return [`\`${id}\``, strategy, hardness, sentence, wayOut];
  });
  expect(rowsUnder("Limits")).toEqual(limits);
});

test.each([
  ["Left alone", LEAVE_REASONS],
  ["Refused", REFUSE_REASONS],
])("docs/reference.md has each reason of %s, as the code has it", (heading, reasons) => {
  expect(rowsUnder(heading)).toEqual(Object.entries(reasons).map(([id, sentence]) => [`\`${id}\``, sentence]));
});

test("docs/reference.md has each annotation", () => {
  const names = Object.entries(annotations).flatMap(([name, value]) => {
    if (typeof value !== "string") return [];
    return [name.endsWith("_PREFIX") ? `\`${value}<container>\`` : `\`${value}\``];
  });
  const documented = rowsUnder("Annotations").map(([name]) => name);
  expect(documented.toSorted()).toEqual([...names, `\`${INJECTED_ANNOTATION}\``].toSorted());
});

test("docs/reference.md tells the start timeout's default", () => {
  const row = rowsUnder("Annotations").find(([name]) => name === `\`${annotations.START_TIMEOUT_ANNOTATION}\``);
  expect(row?.[2]).toBe(String(annotations.DEFAULT_START_TIMEOUT_SECONDS));
});
