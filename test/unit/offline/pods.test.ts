import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { inject } from "../../../src/offline/inject.ts";
import { manifestsOf, parseManifests, type ManifestFile } from "../../../src/offline/manifests.ts";
import { planManifest } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

const POD = `# Airflow's pod_template_file
apiVersion: v1
kind: Pod
metadata:
  name: worker
  labels: { curfew.sh/enabled: "true" } # opted in
spec:
  restartPolicy: Never
  containers:
    - name: base
      image: buildkite/agent:3
    # keeps the builds apart
    - name: dind
      image: docker:27-dind
`;

function file(text: string): ManifestFile {
  const parsed = parseManifests("pod.yaml", text);
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  return parsed.file;
}

function injected(text: string, strategy: "trap" | "native", all = false) {
  const result = inject([file(text)], createPlanner({ strategy }), { all });
  if (result.kind !== "injected") throw new Error(result.refusals.join("\n"));
  return result;
}

const planned = (text: string) =>
  manifestsOf(file(text)).flatMap((manifest) => planManifest(manifest, createPlanner({}), { unlabelled: "preview" }));

test.each(["trap", "native"] as const)("a Pod's patch starts at the Pod, and only adds: %s", (strategy) => {
  const { output, notes } = injected(POD, strategy);
  expect(output).toContain('labels: { curfew.sh/enabled: "true" } # opted in\n');
  expect(output).toContain("# keeps the builds apart\n");
  const { metadata, spec } = parse(output) as { metadata: { annotations: unknown }; spec: Record<string, object[]> };
  expect(metadata.annotations).toMatchObject({
    "curfew.sh/injected": strategy,
    "curfew.sh/main": "base",
    "curfew.sh/sidecars": "dind",
  });
  expect(spec[strategy === "trap" ? "containers" : "initContainers"]?.at(-1)).toMatchObject({ name: "dind" });
  expect(notes).toEqual([]);
});

test("an injected Pod is injected once", () => {
  const once = injected(POD, "trap").output;
  expect(injected(once, "trap").output).toBe(once);
});

describe("a Pod without the label", () => {
  const unlabelled = POD.replace(/ *labels:.*\n/, "");

  test("stays as it is, unless all are treated as labelled", () => {
    expect(injected(unlabelled, "trap").output).toBe(unlabelled);
    expect(injected(unlabelled, "trap", true).output).toContain("curfew.sh/injected: trap");
  });

  test("is explained as if it had the label", () => {
    expect(planned(unlabelled)).toMatchObject([{ kind: "Pod", isPreview: true, plan: { kind: "patch" } }]);
  });

  test("isn't opted in by an annotation, nor by its Namespace", () => {
    const annotated = unlabelled.replace("name: worker", 'name: worker\n  annotations: { curfew.sh/enabled: "true" }');
    expect(planned(annotated)).toMatchObject([{ isPreview: true }]);
    const namespace =
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: ci, labels: { curfew.sh/enabled: "true" } }\n';
    const inCi = unlabelled.replace("name: worker", "name: worker\n  namespace: ci");
    expect(injected(`${inCi}---\n${namespace}`, "trap").output).toBe(`${inCi}---\n${namespace}`);
  });
});

test.each([["Always"], [undefined]])("a Pod that runs forever stays as it is: restartPolicy %s", (policy) => {
  const forever = POD.replace("restartPolicy: Never", policy ? `restartPolicy: ${policy}` : "hostNetwork: false");
  expect(planned(forever)).toMatchObject([{ plan: { kind: "leave", reason: "runs-forever" } }]);
  const { output, notes } = injected(forever, "trap");
  expect(output).toBe(forever);
  expect(notes).toEqual([expect.stringContaining("set restartPolicy to Never or OnFailure")]);
});

test("without the label, a Pod that runs forever gets one line, as most Pods do", () => {
  const [job] = planned("apiVersion: v1\nkind: Pod\nspec: { containers: [{ name: web }] }\n");
  expect(job).toMatchObject({ isPreview: false, patch: [], plan: { reason: "runs-forever" } });
});

describe("containers that were added after a Pod was planned", () => {
  const later = (text: string) => `${text}    - name: agent\n      image: registry.example/agent\n`;

  test("become native sidecars", () => {
    const { output } = injected(POD.replace(/ *# keeps[^]*/, ""), "trap"); // one container
    const [job] = planned(later(output));
    expect(job).toMatchObject({ plan: { kind: "late", moved: ["agent"] } });
    expect(injected(later(output), "trap").output).toContain("curfew.sh/late-containers-moved: agent");
  });

  test("count in a Job's Pod, too, though it has no label of its own", () => {
    const ofJob = POD.replace('labels: { curfew.sh/enabled: "true" }', "labels: { curfew.sh/injected: none }").replace(
      "  name: worker",
      '  name: worker\n  annotations: { curfew.sh/injected: none, curfew.sh/main: "base,dind" }',
    );
    expect(planned(ofJob)).toMatchObject([{ isPreview: false, plan: { reason: "no-late-containers" } }]);
    expect(planned(later(ofJob))).toMatchObject([{ isPreview: false, plan: { kind: "late", moved: ["agent"] } }]);
  });
});

test("the Pods in a List are found, too", () => {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: [parse(POD)] });
  expect(planned(list)).toMatchObject([{ kind: "Pod", pointer: "/items/0" }]);
});
