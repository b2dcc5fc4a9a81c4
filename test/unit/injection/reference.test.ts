import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_START_TIMEOUT_SECONDS } from "../../../src/injection/annotations.ts";
import { EVIDENCE } from "../../../src/injection/evidence.ts";
import { LIMITS } from "../../../src/injection/limits.ts";
import * as names from "../../../src/injection/names.ts";
import { LEAVE_REASONS, REFUSE_REASONS } from "../../../src/injection/reasons.ts";
import { ROLE_SOURCES } from "../../../src/injection/role.ts";
import { rowsUnder as rowsOf } from "../../support/markdown.ts";

const reference = readFileSync(join(import.meta.dirname, "../../../docs/reference.md"), "utf8");

const rowsUnder = (heading: string): string[][] => rowsOf(reference, heading);

test("docs/reference.md has each limit, as the code has it", () => {
  const limits = Object.entries(LIMITS).map(([id, { strategy, severity, sentence, wayOut }]) => {
    return [`\`${id}\``, strategy, severity, sentence, wayOut];
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
  const keys = Object.entries(names).flatMap(([name, value]) => {
    if (name.endsWith("_ANNOTATION")) return [`\`${value}\``];
    return name.endsWith("_PREFIX") ? [`\`${value}<container>\``] : [];
  });
  const documented = rowsUnder("Annotations").map(([name]) => name);
  expect(documented.toSorted()).toEqual(keys.toSorted());
});

test("docs/reference.md tells the start timeout's default", () => {
  const row = rowsUnder("Annotations").find(([name]) => name === `\`${names.START_TIMEOUT_ANNOTATION}\``);
  expect(row?.[2]).toBe(String(DEFAULT_START_TIMEOUT_SECONDS));
});

test("docs/reference.md has each row of the evidence, as the code has it", () => {
  const rows = Object.entries(EVIDENCE).map(([id, { because, exactly }]) => [`\`${id}\``, because, exactly]);
  expect(rowsUnder("Evidence")).toEqual(rows);
});

test("docs/reference.md has each way in which a role is found, as the code has it", () => {
  const rows = Object.entries(ROLE_SOURCES).map(([id, because]) => [`\`${id}\``, because]);
  expect(rowsUnder("How a role is found")).toEqual(rows);
});
