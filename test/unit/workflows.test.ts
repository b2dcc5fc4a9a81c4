/** .github/workflows. actionlint checks the rest: test/cluster/api/workflows.test.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const folder = join(import.meta.dirname, "../../.github/workflows");

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly permissions?: Readonly<Record<string, string>> }>>;
}

describe.each(readdirSync(folder))("the workflow %s", (name) => {
  const text = readFileSync(join(folder, name), "utf8");
  const { permissions, jobs } = parse(text) as Workflow;

  it("pins other people's actions by commit, and says which version that is", () => {
    const used = text.match(/(?<=uses: )[^.\s].*$/gm) ?? [];
    expect(used).not.toEqual([]);
    for (const each of used) expect(each).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it("may write nothing, unless a job asks for it", () => {
    expect(Object.values(permissions ?? { all: "write" })).not.toContain("write");
    for (const [job, { permissions: own }] of Object.entries(jobs)) {
      if (job !== "publish") expect(Object.values(own ?? {}), job).not.toContain("write");
    }
  });
});

it("CI on GitHub runs .ci/run, and a release waits for it", () => {
  expect(readFileSync(join(folder, "ci.yaml"), "utf8")).toMatch(/^ +run: sudo .* \.ci\/run$/m);
  expect(parse(readFileSync(join(folder, "release.yaml"), "utf8"))).toMatchObject({
    jobs: { ci: { uses: "./.github/workflows/ci.yaml" }, publish: { needs: ["version", "ci"] } },
  });
});
