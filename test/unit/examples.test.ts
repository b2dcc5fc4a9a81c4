import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { manifestsOf, parseManifests } from "../../src/offline/manifests.ts";
import { planManifest } from "../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../src/offline/planner-options.ts";

const folder = join(import.meta.dirname, "../../examples");

test.each(readdirSync(folder).filter((name) => name.endsWith(".yaml")))(
  "examples/%s is patched without a warning once it bears the label",
  (name) => {
    const parsed = parseManifests(name, readFileSync(join(folder, name), "utf8"));
    const manifests = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];
    const plans = manifests.flatMap((manifest) => planManifest(manifest, createPlanner({}), { all: true }));
    expect(plans).not.toEqual([]);
    for (const { plan } of plans) expect(plan).toMatchObject({ kind: "patch", warnings: [] });
  },
);
