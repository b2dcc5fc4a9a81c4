import { expect, test } from "vitest";
import { parseManifests, type ManifestFile } from "../../../src/offline/manifests.ts";
import { nothingFound } from "../../../src/offline/nothing-found.ts";

function file(text: string, name = "a.yaml"): ManifestFile {
  const parsed = parseManifests(name, text);
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  return parsed.file;
}

const object = (kind: string, apiVersion = "v1", metadata = "{ name: a }") =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\n`;
const LABELLED = '{ labels: { curfew.sh/enabled: "true" } }';

test.each([
  ["", "a.yaml: it's empty."],
  ["# a comment\n---\n", "a.yaml: it's empty."],
  ["hello", "a.yaml, only plain text."],
  ["a: b", "a.yaml, only an object without a kind."],
  [`${object("Service")}---\n${object("Secret")}---\n${object("Service")}`, "a.yaml, only Service (2), Secret."],
  [["A", "B", "C", "D", "E"].map((kind) => object(kind)).join("---\n"), "a.yaml, only A, B, C, D, and others."],
])("says what it found instead of Jobs: %j", (text, said) => {
  expect(nothingFound([file(text)])[0]).toBe(`There's no Job, CronJob or Pod in ${said}`);
});

test.each([
  ["Deployment", object("Deployment", "apps/v1"), "A Deployment runs forever, so it isn't for Curfew."],
  [
    "a labelled StatefulSet",
    object("StatefulSet", "apps/v1", LABELLED),
    "A StatefulSet runs forever, so it isn't for Curfew: remove its label.",
  ],
  [
    "what makes Pods that can opt in",
    `${object("Workflow", "argoproj.io/v1alpha1")}spec: { templates: [] }`,
    "Curfew doesn't change a Workflow: the label goes in spec.podMetadata.labels.",
  ],
  [
    "what has several Pod templates",
    `${object("JobSet", "jobset.x-k8s.io/v1alpha2")}spec: { replicatedJobs: [{ name: a }, { name: b }] }`,
    "Curfew doesn't change a JobSet: the label goes in spec.replicatedJobs[].template.metadata.labels.",
  ],
  [
    "Volcano's Job",
    object("Job", "batch.volcano.sh/v1alpha1"),
    "Curfew doesn't change a Volcano Job: the label goes in spec.tasks[0].template.metadata.labels.",
  ],
  [
    "a Pod template in an unknown kind",
    `${object("TrainJob", "example.com/v1")}spec: { workers: [{ template: { spec: { containers: [] } } }] }`,
    "TrainJob isn't known: try the label in spec.workers[0].template.metadata.labels.",
  ],
  [
    "what stops its sidecars itself",
    object("TaskRun", "tekton.dev/v1"),
    "Tekton stops the sidecars of a TaskRun itself, so it doesn't need Curfew.",
  ],
  [
    "what else has the label",
    object("Widget", "example.com/v1", LABELLED),
    "Curfew patches Jobs, CronJobs and Pods, not a Widget; its label has no effect.",
  ],
  ["kind: job", object("job", "batch/v1"), "Kubernetes has no kind: job. Did you mean Job?"],
  ["kind: Cronjob", object("Cronjob", "batch/v1"), "Kubernetes has no kind: Cronjob. Did you mean CronJob?"],
  ["no apiVersion", "kind: Job", "The apiVersion is missing: a Job has apiVersion: batch/v1."],
  [
    "an old apiVersion",
    object("CronJob", "batch/v1beta1"),
    "Kubernetes 1.25 and later have no apiVersion: batch/v1beta1; a CronJob has apiVersion: batch/v1.",
  ],
  ["kind: pod", object("pod"), "Kubernetes has no kind: pod. Did you mean Pod?"],
  ["a Pod's wrong apiVersion", object("Pod", "v2"), "apiVersion: v2 has no Pod: a Pod has apiVersion: v1."],
  ["a wrong apiVersion", object("Job", "v1"), "apiVersion: v1 has no Job: a Job has apiVersion: batch/v1."],
  [
    "another project's Job",
    object("Job", "batch.example.com/v1"),
    "This Job belongs to batch.example.com; Curfew patches those of batch/v1.",
  ],
  [
    "a JSON list",
    '[{"kind": "Job", "apiVersion": "batch/v1"}]',
    "A bare list isn't a manifest: put it under items, in an object with apiVersion: v1 and kind: List.",
  ],
])("says why nothing is done about it: %s", (_, text, reason) => {
  expect(nothingFound([file(text)])[1]).toBe(reason);
});

test("looks into Lists, and sums up several files", () => {
  const items = [{ kind: "Deployment" }, { kind: "Secret" }, { kind: "Secret" }, { kind: "DaemonSet" }];
  const list = { apiVersion: "v1", kind: "List", items };
  expect(nothingFound([file(JSON.stringify(list)), file("a: b")])).toEqual([
    expect.stringMatching(
      /^There's no Job, CronJob or Pod in these 2 files, only Deployment, Secret \(2\), DaemonSet, /,
    ),
    "A Deployment runs forever, so it isn't for Curfew.",
    "A DaemonSet runs forever, so it isn't for Curfew.",
  ]);
});

test("prints at most three lines, each at most 120 columns with its prefix, and no control characters", () => {
  const hostile = ["Job", "CronJob", "Pod", "Deployment", "x".repeat(500), "\u001b[2J"].map((kind, index) =>
    JSON.stringify({ kind, apiVersion: `${"é".repeat(200)}${index}`, spec: { template: {} } }),
  );
  const lines = nothingFound([file(hostile.join("\n---\n"), `${"f".repeat(300)}.yaml`)]);
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    expect("curfew explain: ".length + line.length).toBeLessThanOrEqual(120);
    // eslint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f]/);
  }
});
