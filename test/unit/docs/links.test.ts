/** Links, in every page and in what Curfew prints, lead to files and headings that exist. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { sectionsOf } from "../../support/markdown.ts";

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const pages = globSync(["*.md", "docs/**/*.md", "manifests/**/*.md", "examples/**/*.md", "charts/**/*.md"], {
  cwd: root,
}).sort();

test("there are pages to check", () => {
  expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/reference.md", "manifests/README.md"]));
});

describe.each(pages)("%s", (page) => {
  test("links to files and headings that exist", () => {
    for (const [, target = "", anchor] of withoutCode(read(page)).matchAll(
      /\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)/g,
    )) {
      const path = target === "" ? page : join(dirname(page), target);
      expect(existsSync(join(root, path)), `${page} links to ${path}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(path), `${page} links to ${path}#${anchor}`).toContain(anchor);
    }
  });
});

test("what Curfew prints, and what it installs, links to pages and headings that exist", () => {
  const sources = globSync(["src/**/*.ts", "certs/**/*.ts", "manifests/**/*.yaml", "charts/**/*.{yaml,tpl,txt}"], {
    cwd: root,
  });
  const links = sources.flatMap((file) => [
    ...[...read(file).matchAll(/docsUrl\("([^"]+)", "([^"]+)"\)/g)].map(([, page, anchor]) => ({ file, page, anchor })),
    ...[...read(file).matchAll(/https:\/\/curfew\.sh\/docs\/([\w/-]+)#([\w-]+)/g)].map(([, page, anchor]) => ({
      file,
      page,
      anchor,
    })),
  ]);
  expect(links).not.toEqual([]);
  for (const { file, page, anchor } of links) {
    const target = `docs/${page}.md`;
    expect(existsSync(join(root, target)), `${file} links to ${target}`).toBe(true);
    expect(anchorsOf(target), `${file} links to ${target}#${anchor}`).toContain(anchor);
  }
});

/** Text without fenced code, which can contain what looks like a link. */
function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^( *)```[^]*?^\1```$/gm, "");
}

/** A heading's anchor, as GitHub makes it. */
function anchorsOf(file: string): readonly string[] {
  return sectionsOf(read(file)).map(({ heading }) =>
    heading
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}
