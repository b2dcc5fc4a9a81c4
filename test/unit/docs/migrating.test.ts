/** The Jobs of docs/migrating.md are what the page says they are. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { explain, type Explanation } from "../../../src/offline/explain.ts";
import { manifestsOf, parseManifests } from "../../../src/offline/manifests.ts";
import { planManifest } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";
import { sectionsOf } from "../../support/markdown.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/migrating.md"), "utf8");

/** The Jobs below a paragraph that begins with "Before:" or "After:" in bold. */
const jobs = sectionsOf(page).flatMap(({ heading, text }) =>
  [...text.matchAll(/^\*\*(Before|After):\*\*[^]*?^```yaml\n([^]*?)^```$/gm)]
    .map(([, when = "", yaml = ""]) => ({ heading, when, yaml }))
    .filter(({ yaml }) => yaml.includes("kind: Job")),
);

function jobOf(heading: string, when: "Before" | "After"): Explanation {
  const { yaml = "" } = jobs.find((job) => job.heading === heading && job.when === when) ?? {};
  const parsed = parseManifests("docs/migrating.md", yaml);
  const manifests = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];
  const [only, ...others] = manifests.flatMap((manifest) =>
    planManifest(manifest, createPlanner({}), { unlabelled: "plan" }),
  );
  if (only === undefined || others.length > 0) throw new Error(`${heading}, ${when}: no Job, or several`);
  return explain(only);
}

const named = ({ containers }: Explanation, role: string): readonly string[] =>
  containers.filter((each) => each.role === role).map(({ name }) => name);

describe("docs/migrating.md", () => {
  test("has a Job after each migration, and one before where it isn't a Job that's replaced", () => {
    expect(jobs.map(({ heading, when }) => `${heading}: ${when}`)).toEqual([
      "From the hack of 2020: Before",
      "From the hack of 2020: After",
      "From kubexit: Before",
      "From kubexit: After",
      "From agent-stack-k8s: After",
      "From Pepr: Before",
      "From Pepr: After",
      "Native sidecars by hand: Before",
      "Native sidecars by hand: After",
    ]);
  });

  test.each([
    ["From the hack of 2020", ["agent"], ["dind"], "trap"],
    ["From kubexit", ["psql"], ["cloudsql-proxy"], "trap"],
    ["From agent-stack-k8s", ["agent"], ["dind"], "trap"],
  ])("%s: the Job opts in, and curfew explain has nothing to warn about", (heading, main, sidecars, strategy) => {
    const after = jobOf(heading, "After");
    expect(after).toMatchObject({ optedInBy: "label", outcome: "patch", strategy, warnings: [] });
    expect({ main: named(after, "main"), sidecars: named(after, "sidecar") }).toEqual({ main, sidecars });
  });

  test("the hack and kubexit can stay for a while: with the label, trap ends the same sidecars", () => {
    for (const [heading, sidecar] of [
      ["From the hack of 2020", "dind"],
      ["From kubexit", "cloudsql-proxy"],
    ] as const) {
      const before = jobOf(heading, "Before");
      expect(before).toMatchObject({ outcome: "patch", strategy: "trap", warnings: [] });
      expect(before.optedInBy).toBeUndefined();
      expect(named(before, "sidecar")).toEqual([sidecar]);
    }
  });

  test("From Pepr: the label leaves the Job's own container as it is, and waits for what Istio adds", () => {
    expect(jobOf("From Pepr", "After")).toMatchObject({ optedInBy: "label", reason: "single-container", warnings: [] });
  });

  test("Native sidecars by hand: before, Curfew takes native by itself; after, there's nothing left to do", () => {
    expect(jobOf("Native sidecars by hand", "Before")).toMatchObject({ outcome: "patch", strategy: "native" });
    const after = jobOf("Native sidecars by hand", "After");
    expect(after.optedInBy).toBeUndefined();
    expect(after.outcome).not.toBe("refuse");
    expect(named(after, "sidecar")).toEqual([]);
  });
});
