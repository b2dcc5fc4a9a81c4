import { describe, expect, test } from "vitest";
import type { Manifest } from "../../../src/offline/manifests.ts";
import { planManifest, type Scope } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

type Metadata = Readonly<Record<"labels" | "annotations", Readonly<Record<string, unknown>>>>;

const POD_SPEC = { restartPolicy: "Never", containers: [{ name: "a", image: "buildkite/agent:3" }] };

function job(metadata: Partial<Metadata>, template: Partial<Metadata> = {}) {
  return { metadata: { name: "a", ...metadata }, spec: { template: { metadata: template, spec: POD_SPEC } } };
}

function aJob(...args: Parameters<typeof job>): unknown {
  return { apiVersion: "batch/v1", kind: "Job", ...job(...args) };
}

function aPod(metadata: Partial<Metadata>): unknown {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "a", ...metadata }, spec: POD_SPEC };
}

function aCronJob(metadata: Partial<Metadata>, jobTemplate: unknown): unknown {
  return { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "a", ...metadata }, spec: { jobTemplate } };
}

/**
 * The warnings about the Job, without the one that a Job without labels and annotations gets too.
 */
function warnings(value: unknown, scope: Scope = {}): readonly string[] {
  const manifest: Manifest = { file: "a.json", number: 1, format: "json", text: "", value };
  const [planned] = planManifest(manifest, createPlanner({}), scope);
  return planned?.warnings.filter((warning) => !warning.includes("only one container")) ?? [];
}

const RIGHT_KEY = { "curfew.sh/enabled": "true" };
const KEYS = [
  "curfew.sh/enable",
  "curfew.sh/Enabled",
  "curfew.io/enabled",
  "curfew/enabled",
  "curfew.dev/inject",
  "sidecar.curfew.sh/enabled",
  "crufew.sh/enabled",
  "curfew",
  "curfew-enabled",
];

describe.each(["leave", "preview"] as const)("a Job that hasn't opted in (%s) gets a warning about", (unlabelled) => {
  test.each(KEYS)("the label %s", (key) => {
    expect(warnings(aJob({ labels: { [key]: "true" } }), { unlabelled })).toEqual([
      `The label "${key}" in metadata.labels has no effect: write curfew.sh/enabled: "true" in metadata.labels.`,
    ]);
  });

  test.each([
    [
      "an annotation of the Pods",
      aJob({}, { annotations: RIGHT_KEY }),
      "annotation",
      "spec.template.metadata.annotations",
      "metadata.labels",
    ],
    [
      "an annotation of a Pod",
      aPod({ annotations: RIGHT_KEY }),
      "annotation",
      "metadata.annotations",
      "metadata.labels",
    ],
  ])("the right key in the wrong place: %s", (_, manifest, what, place, right) => {
    expect(warnings(manifest, { unlabelled })).toEqual([
      `The ${what} "curfew.sh/enabled" in ${place} has no effect: write curfew.sh/enabled: "true" in ${right}.`,
    ]);
  });

  test.each([
    ["a Job's", aJob({}, { labels: RIGHT_KEY }), ""],
    ["a CronJob's", aCronJob({}, job({}, { labels: RIGHT_KEY })), "spec.jobTemplate."],
  ])("the label on %s Pod template: it's for single Pods", (_, manifest, prefix) => {
    expect(warnings(manifest, { unlabelled })).toEqual([
      `The label "curfew.sh/enabled" in ${prefix}spec.template.metadata.labels opts in this Job's Pods one by one, not the Job as a whole: write curfew.sh/enabled: "true" in ${prefix}metadata.labels.`,
    ]);
  });

  test.each(["label", "annotation"])("the %s on the CronJob itself, once", (what) => {
    const [warning, ...others] = warnings(aCronJob({ [`${what}s`]: RIGHT_KEY }, job({})), { unlabelled });
    expect(warning).toContain(`on a CronJob has no effect: put it in spec.jobTemplate.metadata.${what}s`);
    expect(others).toEqual([]);
  });
});

test.each([
  ["one that's set to false", aJob({ labels: { "curfew.sh/enable": "false" } })],
  ["somebody else's label", aJob({ labels: { "example.com/enabled": "true", app: "curfew", tier: "enabled" } })],
  ["a Job that has opted in", aJob({ labels: RIGHT_KEY }, { labels: RIGHT_KEY })],
  ["a Job that has opted in by an annotation", aJob({ annotations: RIGHT_KEY })],
  ["a CronJob whose Jobs have", aCronJob({}, job({ annotations: RIGHT_KEY }))],
  ["a Job that has opted out", aJob({ labels: { "curfew.sh/enabled": "false" }, annotations: { curfew: "true" } })],
  ["labels that aren't valid", aJob({ labels: ["curfew"] as never, annotations: { "curfew.sh/a": { toString: 1 } } })],
])("warns about no look-alike in %s", (_, manifest) => {
  expect(warnings(manifest)).toEqual([]);
});

test("treats a Job as labelled if all are, with or without a look-alike", () => {
  expect(warnings(aJob({ labels: { "curfew.sh/enable": "true" } }), { unlabelled: "plan" })).toEqual([]);
});
