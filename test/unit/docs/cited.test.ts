/** The tests that pages cite exist. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { paragraphsOf, sectionsBelow } from "../../support/markdown.ts";

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const pages = globSync("docs/**/*.md", { cwd: root }).sort();

/** [name](../test/….test.ts) "title of a test", "another of that file" */
const CITED = /\]\(\.\.\/(test\/[^)]+\.ts)\) ("[^"]+"(?:, "[^"]+")*)/g;

const cited = pages.flatMap((page) =>
  [...paragraphsOf(read(page)).join("\n").matchAll(CITED)].flatMap(([, file = "", titles = ""]) =>
    titles
      .slice(1, -1)
      .split('", "')
      .map((title) => ({ page, file, title })),
  ),
);

test.each(cited)("$file has what $page cites: $title", ({ file, title }) => {
  expect(read(file)).toContain(title);
});

test("docs/security.md and docs/operations.md cite tests", () => {
  const of = (page: string): number => cited.filter((each) => each.page === page).length;
  expect(of("docs/security.md")).toBeGreaterThanOrEqual(35);
  expect(of("docs/operations.md")).toBeGreaterThanOrEqual(15);
});

describe("docs/security.md", () => {
  const threats = sectionsBelow(read("docs/security.md"), "Threats");

  test("has threats", () => {
    expect(threats.length).toBeGreaterThan(20);
  });

  test.each(threats)("says what Curfew does, and names a test: $heading", ({ text }) => {
    const [does = "", testedBy = "", ...rest] = paragraphsOf(text);
    expect(does).toMatch(/^\*\*What Curfew does:\*\* [\w`]/);
    expect(testedBy).toMatch(/^\*\*Tested by:\*\* \[[\w ]+\]\(\.\.\/test\/[^)]+\) "/);
    expect(rest).toEqual([]);
  });
});

describe("docs/operations.md", () => {
  const symptoms = sectionsBelow(read("docs/operations.md"), "When something is wrong");

  test.each(symptoms)("says the cause, and what to do: $heading", ({ text }) => {
    expect(text).toMatch(/^\*\*Cause:\*\* /m);
    expect(text).toMatch(/^\*\*What to do:\*\* /m);
  });
});
