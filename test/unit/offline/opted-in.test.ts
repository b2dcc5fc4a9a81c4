import { describe, expect, test } from "vitest";
import type { Manifest } from "../../../src/offline/manifests.ts";
import { enabledNamespaces } from "../../../src/offline/opted-in.ts";
import { planManifest, type Scope } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

const KEY = "curfew.sh/enabled";
const AGENT = { name: "agent", image: "buildkite/agent:3" };
const DIND = { name: "dind", image: "docker:27-dind" };
const UNKNOWN = { name: "unknown", image: "registry.example/unknown" };

function job(metadata: object, containers: readonly object[] = [AGENT, DIND]) {
  const spec = { template: { spec: { restartPolicy: "Never", containers } } };
  return { apiVersion: "batch/v1", kind: "Job", metadata: { name: "a", ...metadata }, spec };
}

function cronJob(metadata: object) {
  const { spec, metadata: jobMetadata } = job({});
  const jobTemplate = { spec, metadata: { ...jobMetadata, ...metadata } };
  return { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "a", namespace: "ci" }, spec: { jobTemplate } };
}

function planned(value: unknown, scope: Scope = {}) {
  const manifest: Manifest = { file: "a.json", number: 1, format: "json", text: "", value };
  const [first] = planManifest(manifest, createPlanner({}), scope);
  if (!first) throw new Error("there is no Job in this");
  return first;
}

describe.each([
  ["Job", job],
  ["CronJob", cronJob],
])("a %s", (_, make) => {
  test.each([
    ["label", { labels: { [KEY]: "true" } }, "label"],
    ["annotation", { annotations: { [KEY]: "true" } }, "annotation"],
    ["both", { labels: { [KEY]: "true" }, annotations: { [KEY]: "true" } }, "label"],
  ])("opts in by its %s", (_, metadata, optedInBy) => {
    expect(planned(make(metadata))).toMatchObject({ optedInBy, isPreview: false, plan: { kind: "patch" } });
  });

  test.each([
    ["label", { labels: { [KEY]: "false" } }],
    ["annotation", { annotations: { [KEY]: "false" } }],
  ])("opts out by its %s, also of its Namespace and of --all", (_, out) => {
    const scope = { unlabelled: "plan", namespaces: new Set(["ci"]) } as const;
    expect(planned(make({ ...out, namespace: "ci" }), scope)).toMatchObject({
      optedInBy: undefined,
      isPreview: false,
      plan: { kind: "leave", reason: "opted-out" },
    });
  });

  test("is opted in by its Namespace", () => {
    const scope = { namespaces: new Set(["ci"]) };
    expect(planned(make({ namespace: "ci" }), scope)).toMatchObject({
      optedInBy: "namespace",
      plan: { kind: "patch" },
    });
  });
});

test("a Job that contradicts itself is refused", () => {
  const contradiction = { labels: { [KEY]: "true" }, annotations: { [KEY]: "false" } };
  expect(planned(job(contradiction)).plan).toMatchObject({ kind: "refuse", reason: "invalid-annotation" });
});

test("an unclear Job of an enabled Namespace is left alone with a warning, with --all, too", () => {
  for (const unlabelled of ["leave", "plan", "preview"] as const) {
    const scope = { unlabelled, namespaces: new Set(["ci"]) };
    const { plan, warnings, isPreview } = planned(job({ namespace: "ci" }, [AGENT, UNKNOWN, UNKNOWN]), scope);
    expect({ kind: plan.kind, isPreview }).toEqual({ kind: "leave", isPreview: false });
    expect(warnings).toEqual([expect.stringContaining("unknown")]);
  }
});

test("a Job without a namespace is in none, as nobody knows where it will be applied", () => {
  const scope = { namespaces: new Set(["default"]) };
  expect(planned(job({}), scope)).toMatchObject({ optedInBy: undefined, plan: { reason: "not-enabled" } });
});

describe("a Namespace opts in its Jobs", () => {
  const namespace = (name: string, labels: object) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels },
  });
  const enabled = (...manifests: unknown[]) => [...enabledNamespaces(manifests)];

  test("by the label, wherever it is in the manifests", () => {
    const list = { kind: "List", items: [namespace("b", { [KEY]: "true" }), namespace("c", {})] };
    expect(enabled(job({}), namespace("a", { [KEY]: "true" }), list, null)).toEqual(["a", "b"]);
  });

  test.each([
    ["it has another value", namespace("a", { [KEY]: "false" })],
    ["it's excluded", namespace("a", { [KEY]: "true", "curfew.sh/excluded": "true" })],
    ["it's kube-system", namespace("kube-system", { [KEY]: "true" })],
    ["only an annotation says so", { ...namespace("a", {}), metadata: { name: "a", annotations: { [KEY]: "true" } } }],
    ["it's another kind", { ...namespace("a", { [KEY]: "true" }), kind: "ConfigMap" }],
    ["it has no metadata", { apiVersion: "v1", kind: "Namespace" }],
  ])("but not if %s", (_, value) => {
    expect(enabled(value)).toEqual([]);
  });
});
