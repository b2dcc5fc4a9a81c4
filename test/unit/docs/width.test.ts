/** No page is too wide to read in an editor or a diff. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const pages = globSync(["*.md", "docs/**/*.md", "manifests/**/*.md", "charts/**/*.md", "examples/**/*.md"], {
  cwd: root,
}).sort();

/** Pages whose table has to be wider: the folders, and what they can import. */
const WIDE_TABLES = ["docs/architecture.md"];

test.each(pages)("%s has no table wider than 120 columns, and no other line wider than 100", (page) => {
  const wide = withoutCode(readFileSync(join(root, page), "utf8"))
    .split("\n")
    .filter((line) =>
      line.startsWith("|") ? widthOf(line) > 120 && !WIDE_TABLES.includes(page) : widthOf(withoutTargets(line)) > 100,
    );
  expect(wide).toEqual([]);
});

/** Text without fenced code, whose lines can be longer. */
function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^( *)```[^]*?^\1```$/gm, "");
}

/** A line as it's read, without its links' targets, which can't be wrapped. */
function withoutTargets(line: string): string {
  return line.replaceAll(/\]\([^)]*\)/g, "]");
}

function widthOf(line: string): number {
  return Array.from(line).length;
}
