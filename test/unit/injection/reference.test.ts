import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as annotations from "../../../src/injection/annotations.ts";
import { LIMITS } from "../../../src/injection/limits.ts";
import { INJECTED_ANNOTATION } from "../../../src/injection/plan.ts";
import { LEAVE_REASONS, REFUSE_REASONS } from "../../../src/injection/reasons.ts";
import { rowsUnder as rowsOf } from "../../support/markdown-table.ts";

const reference = readFileSync(join(import.meta.dirname, "../../../docs/reference.md"), "utf8");

const rowsUnder = (heading: string): string[][] => rowsOf(reference, heading);

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
