/**
 * The planner's goldens are like the manifests that people write, so each must survive being edited
 * as text.
 */
import { describe, expect, test } from "vitest";
import { editYaml } from "../../../src/offline/edit-yaml.ts";
import { manifestsOf, parseManifests } from "../../../src/offline/manifests.ts";
import { planManifest } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";
import { SITUATIONS } from "../../support/injection/goldens.ts";

describe.each(SITUATIONS)("$name", ({ name, text }) => {
  const parsed = parseManifests(name, text);
  const manifests = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];

  test("is edited in place, and keeps its comments", () => {
    expect(parsed.kind).toBe("parsed");
    for (const manifest of manifests) {
      for (const { patch } of planManifest(manifest, createPlanner({}), { unlabelled: "plan" })) {
        const edited = editYaml(manifest.text, patch);
        expect(edited.inPlace).toBe(true);
        for (const [comment] of manifest.text.matchAll(/(?<=^|\s)# .*$/gm)) expect(edited.text).toContain(comment);
      }
    }
  });

  test("is edited in the same way if its lines end with CRLF", () => {
    const crlf = (lines: string) => lines.replaceAll("\n", "\r\n");
    for (const manifest of manifests) {
      for (const { patch } of planManifest(manifest, createPlanner({}), { unlabelled: "plan" })) {
        expect(editYaml(crlf(manifest.text), patch)).toEqual({
          text: crlf(editYaml(manifest.text, patch).text),
          inPlace: true,
        });
      }
    }
  });
});
