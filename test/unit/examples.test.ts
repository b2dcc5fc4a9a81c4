import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { explain, type Explanation } from "../../src/offline/explain.ts";
import { manifestsOf, parseManifests } from "../../src/offline/manifests.ts";
import { planManifest } from "../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../src/planner/planner.ts";
import { rowsUnder } from "../support/markdown.ts";

const folder = join(import.meta.dirname, "../../examples");
// Those in buildkite/ are recipes for the dispatcher, which the tests of the node tier run.
const files = globSync("**/*.yaml", { cwd: folder, exclude: ["buildkite/**"] }).sort();

/** What `curfew explain --all` says of an example's only Job. */
function explained(file: string): Explanation {
  const parsed = parseManifests(file, readFileSync(join(folder, file), "utf8"));
  const manifests = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];
  const [only, ...others] = manifests.flatMap((manifest) =>
    planManifest(manifest, createPlanner({}), { unlabelled: "plan" }),
  );
  if (only === undefined || others.length > 0) throw new Error(`${file} holds no Job, or several`);
  return explain(only);
}

test.each(files)("examples/%s is patched without a warning if it has the label", (file) => {
  expect(explained(file)).toMatchObject({ outcome: "patch", warnings: [] });
});

test("the examples' README says the same about each as curfew explain: main, what's stopped, strategy, limits", () => {
  const rows = rowsUnder(readFileSync(join(folder, "README.md"), "utf8"), "What auto chooses");
  const expected = files.map((file) => {
    const { strategy = "", limits, containers } = explained(file);
    const named = (role: string) => containers.filter((each) => each.role === role).map(({ name }) => name);
    const decisive = [...new Set(limits.map(({ limit }) => limit))].join(", ");
    return {
      example: `[${basename(file, ".yaml")}](${file})`,
      main: named("main").join(", "),
      stopped: named("sidecar").join(", "),
      strategy: decisive === "" ? strategy : `${strategy}: ${decisive}`,
    };
  });
  expect(rows.map(([example, main, stopped, strategy]) => ({ example, main, stopped, strategy }))).toEqual(expected);
});

test.each(files.filter((file) => file.startsWith("shapes/")))(
  "examples/%s has the label, leaves the strategy to auto, and starts by saying what it is",
  (file) => {
    const text = readFileSync(join(folder, file), "utf8");
    expect(text).toMatch(/^# .*\n# .*\n/);
    expect(text).toContain('\n  labels:\n    curfew.sh/enabled: "true"\n');
    expect(explained(file)).toMatchObject({ outcome: "patch", chosenBy: "auto" });
    expect(text).toContain(`\n  name: ${file.slice("shapes/".length, -".yaml".length)}\n`);
  },
);
