import { expect, test } from "vitest";
import { manifestsOf, parseManifests } from "../../../src/offline/manifests.ts";
import { untouched } from "../../../src/offline/untouched.ts";

function said(...documents: readonly string[]): string[] {
  const parsed = parseManifests("a.yaml", documents.join("---\n"));
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  return untouched(manifestsOf(parsed.file));
}

const workflow = (name: string, labels = "{}") =>
  `apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: { name: ${name} }\nspec: { podMetadata: { labels: ${labels} } }\n`;
const LABEL = '{ curfew.sh/enabled: "true" }';

test("names what inject doesn't change, and where the label goes", () => {
  expect(said("kind: Service\n", workflow("a"))).toEqual([
    "Workflow a isn't changed: the label goes in spec.podMetadata.labels (more: curfew explain)",
  ]);
});

test("needs one line for many of one kind", () => {
  expect(said(workflow("a"), workflow("b"), workflow("c", LABEL))).toEqual([
    "2 Workflows aren't changed: the label goes in spec.podMetadata.labels (more: curfew explain)",
  ]);
});

test("is silent about what's labelled, or has opted out", () => {
  expect(said(workflow("a", LABEL), workflow("b", '{ curfew.sh/enabled: "false" }'))).toEqual([]);
});

test("warns about a label on what isn't for Curfew", () => {
  const deployment = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, labels: ${LABEL} }\n`;
  expect(said(deployment, deployment.replace(LABEL, "{}"))).toEqual([
    "a.yaml, document 1, Deployment web: warning: A Deployment runs forever, so it isn't for Curfew: remove curfew.sh/enabled from metadata.labels.",
  ]);
});
