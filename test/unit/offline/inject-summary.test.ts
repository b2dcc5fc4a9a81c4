import { expect, test } from "vitest";
import { injectSummary } from "../../../src/offline/inject-summary.ts";
import { inject } from "../../../src/offline/inject.ts";
import { parseManifests } from "../../../src/offline/manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

const job = (label: string | undefined, images = ["buildkite/agent:3", "docker:27-dind"]) =>
  JSON.stringify({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "a", labels: label === undefined ? {} : { "curfew.sh/enabled": label } },
    spec: {
      template: {
        spec: { restartPolicy: "Never", containers: images.map((image, index) => ({ name: `c${index}`, image })) },
      },
    },
  });

const LABELLED = job("true");
const UNLABELLED = job(undefined);
const OPTED_OUT = job("false");
const SINGLE = job("true", ["buildkite/agent:3"]);
const REFUSED = job("true", ["registry.example/a", "registry.example/b"]);
const CRON_JOB = JSON.stringify({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: { name: "a" },
  spec: { schedule: "@daily", jobTemplate: JSON.parse(LABELLED) as unknown },
});

function run(documents: readonly string[], all = false) {
  const parsed = parseManifests("a.yaml", documents.join("\n---\n"));
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  return inject([parsed.file], createPlanner({ strategy: "trap" }), { all });
}

const pod = (restartPolicy: string, label = "true") =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", labels: { "curfew.sh/enabled": label } },
    spec: {
      restartPolicy,
      containers: [
        { name: "agent", image: "buildkite/agent:3" },
        { name: "dind", image: "docker:27-dind" },
      ],
    },
  });
const NAMESPACE = JSON.stringify({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "ci", labels: { "curfew.sh/enabled": "true" } },
});
const inCi = (document: string) => document.replace('"name":"a"', '"name":"a","namespace":"ci"');
const UNCLEAR = inCi(job(undefined, ["registry.example/a", "registry.example/b"]));

const INJECTED = (() => {
  const result = run([LABELLED]);
  return result.kind === "injected" ? result.output : "";
})();

test.each([
  ["one Job patched", [LABELLED], "1 Job patched"],
  ["all patched", [LABELLED, LABELLED, LABELLED], "3 Jobs patched"],
  ["a CronJob patched", [CRON_JOB], "1 CronJob patched"],
  ["both kinds", [CRON_JOB, LABELLED], "2 Jobs and CronJobs patched"],
  ["all kinds", [pod("Never"), CRON_JOB, LABELLED], "3 Jobs, CronJobs and Pods patched"],
  ["a Pod that runs forever", [pod("Always")], "the Pod isn't patched: it runs forever (restartPolicy: Always)"],
  ["one that its Namespace opts in", [NAMESPACE, inCi(UNLABELLED)], "1 Job patched"],
  [
    "some that are unclear, but opted in by their Namespace",
    [UNCLEAR, inCi(UNLABELLED), NAMESPACE],
    "1 of 2 Jobs patched; 1 is left alone: see the warning",
  ],
  [
    "some unlabelled",
    [LABELLED, UNLABELLED, UNLABELLED],
    "1 of 3 Jobs patched; 2 haven't opted in (--all patches them, too)",
  ],
  ["none labelled", [UNLABELLED, UNLABELLED], "none of 2 Jobs patched: 2 haven't opted in (--all patches them, too)"],
  ["one unlabelled", [UNLABELLED], "the Job isn't patched: it hasn't opted in (--all patches it, too)"],
  ["one that the label opts out", [OPTED_OUT], "the Job isn't patched: it has opted out"],
  ["one injected already", [INJECTED], "the Job isn't patched: it is already injected"],
  ["one without sidecars", [SINGLE], "the Job isn't patched: it has no sidecars to stop"],
  [
    "all at once",
    [LABELLED, UNLABELLED, OPTED_OUT, INJECTED, SINGLE, SINGLE],
    "1 of 6 Jobs patched; 1 hasn't opted in (--all patches it, too), 1 has opted out, " +
      "1 is already injected, 2 have no sidecars to stop",
  ],
  ["the only Job refused", [REFUSED], "nothing was written: the Job was refused"],
  ["one of several refused", [LABELLED, REFUSED, LABELLED], "nothing was written: 1 of 3 Jobs was refused"],
])("says in one line what happened to the Jobs: %s", (_, documents, said) => {
  expect(injectSummary(run(documents).jobs)).toBe(said);
});

test("with --all, counts a Job without the label as patched, but not one that the label opts out", () => {
  expect(injectSummary(run([UNLABELLED, OPTED_OUT], true).jobs)).toBe("1 of 2 Jobs patched; 1 has opted out");
});
