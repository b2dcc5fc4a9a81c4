/** What docs/security.md and docs/operations.md claim to be there, is there. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** [name](../test/….test.ts) "title of a test", "another of that file" */
const cited = ["docs/security.md", "docs/operations.md"].flatMap((doc) =>
  [...read(doc).matchAll(/\]\(\.\.\/(test\/[^)]+)\) ("[^"]+"(?:, "[^"]+")*)/g)].flatMap(([, file = "", titles = ""]) =>
    titles
      .slice(1, -1)
      .split('", "')
      .map((title) => ({ doc, file, title })),
  ),
);

test.each(cited)("$file has what $doc cites: $title", ({ file, title }) => {
  expect(read(file)).toContain(title);
});

describe("docs/security.md", () => {
  test("names a test for every threat", () => {
    const [, section = ""] = /^## Threats\n([^]*?)\n## /m.exec(read("docs/security.md")) ?? [];
    const threats = section.split("\n").filter((line) => /^\| (?!threat|---)/.test(line));
    expect(threats.length).toBeGreaterThan(20);
    for (const threat of threats) expect(threat).toMatch(/\]\(\.\.\/test\/[^)]+\) "/);
  });
});

describe.each(["docs/security.md", "docs/operations.md", "SECURITY.md", "manifests/README.md"])("%s", (file) => {
  test("links to files and headings that exist", () => {
    const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    for (const [, target = "", anchor] of links) {
      const path = target === "" ? file : join(dirname(file), target);
      expect(existsSync(join(root, path)), path).toBe(true);
      if (anchor !== undefined) expect(headings(path)).toContain(anchor);
    }
  });
});

/** As GitHub makes anchors of headings. */
function headings(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
