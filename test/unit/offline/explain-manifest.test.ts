import { stripVTControlCharacters } from "node:util";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { explainManifest } from "../../../src/offline/explain-manifest.ts";
import { manifestsOf, parseManifests } from "../../../src/offline/manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

const CONTAINERS = `
      restartPolicy: Never
      containers:
        - { name: agent, image: "buildkite/agent:3" }
        - { name: dind, image: "docker:27-dind" }
`;
const indented = (text: string, by: number) => text.replaceAll(/^(?=.)/gm, " ".repeat(by));

const WORKFLOW = `apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: ci }
spec:
  templates:
    - name: all
      steps: [[{ name: build, template: build }]]
    - name: build
      container: { image: golang, command: [go, build] }
      sidecars: [{ name: dind, image: "docker:27-dind" }]
    - name: set
      containerSet: { containers: [{ name: one, image: a, command: [a] }, { name: two, image: b, command: [b] }] }
`;
const CRON_WORKFLOW = `apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: { name: nightly }
spec:
  workflowSpec:
${indented(WORKFLOW.slice(WORKFLOW.indexOf("  templates")), 2)}`;
const SPARK = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: pi, namespace: data }
spec:
  image: apache/spark:4.0.0
  driver:
    sidecars: [{ name: shipper, image: registry.example/shipper }]
  executor: {}
`;
const JOB_SET = `apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: { name: train }
spec:
  replicatedJobs:
    - name: leader
      template:
        spec:
          template:
            spec:${indented(CONTAINERS, 8)}`;
const VOLCANO = `apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: { name: mpi }
spec:
  tasks:
    - name: master
      template:
        spec:${indented(CONTAINERS, 4)}    - name: worker
      template:
        metadata: { labels: { curfew.sh/enabled: "true" } }
        spec: { containers: [{ name: sshd, image: registry.example/mpi }] }
`;

function explained(text: string, { unlabelled = "preview" }: { unlabelled?: "preview" | "plan" } = {}) {
  const parsed = parseManifests("a.yaml", text);
  const [manifest] = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];
  if (!manifest) throw new Error("this isn't a manifest");
  const result = explainManifest(manifest, createPlanner({}), { scope: { unlabelled }, width: 120 });
  return { ...result, text: stripVTControlCharacters(result.texts().join("\n")) };
}

/** What the text says to paste. */
const pasted = (text: string) =>
  parse(text.slice(text.indexOf("\n    spec:"), text.indexOf("\n\n", text.indexOf("\n    spec:")))) as unknown;
const LABEL = { "curfew.sh/enabled": "true" };

describe("says where the label goes, with lines to paste:", () => {
  test.each([
    ["Workflow", WORKFLOW, ["spec.podMetadata.labels"], { spec: { podMetadata: { labels: LABEL } } }],
    [
      "CronWorkflow",
      CRON_WORKFLOW,
      ["spec.workflowSpec.podMetadata.labels"],
      { spec: { workflowSpec: { podMetadata: { labels: LABEL } } } },
    ],
    [
      "SparkApplication",
      SPARK,
      ["spec.driver.labels", "spec.executor.labels"],
      { spec: { driver: { labels: LABEL }, executor: { labels: LABEL } } },
    ],
    [
      "JobSet",
      JOB_SET,
      ["spec.replicatedJobs[0].template.metadata.labels"],
      { spec: { replicatedJobs: [{ name: "leader", template: { metadata: { labels: LABEL } } }] } },
    ],
  ])("%s", (kind, text, paths, lines) => {
    const { others, text: said } = explained(text);
    const labels = paths.map((path) => ({ path, labelled: false }));
    expect(others).toMatchObject([{ file: "a.yaml", document: 1, kind, labels, warnings: [] }]);
    expect(pasted(said)).toEqual(lines);
  });

  test("only the missing ones", () => {
    const { others, text } = explained(VOLCANO);
    expect(others).toMatchObject([{ apiVersion: "batch.volcano.sh/v1alpha1", kind: "Job", name: "mpi" }]);
    expect(text).toContain("Volcano Job mpi  a.yaml, document 1\n");
    expect(text).toContain("The label is in spec.tasks[1].template.metadata.labels.\n");
    expect(pasted(text)).toEqual({ spec: { tasks: [{ name: "master", template: { metadata: { labels: LABEL } } }] } });
  });

  test("also if the templates are somewhere else", () => {
    const elsewhere = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: { workflowTemplateRef: { name: a } }\n";
    const { jobs, others, text } = explained(elsewhere);
    expect(jobs).toEqual([]);
    expect(others).toMatchObject([{ labels: [{ path: "spec.podMetadata.labels" }] }]);
    expect(pasted(text)).toEqual({ spec: { podMetadata: { labels: LABEL } } });
  });
});

describe("shows what the Pods would get:", () => {
  test("the Pod of each of Argo's templates, with Argo's own container", () => {
    const { jobs } = explained(WORKFLOW);
    expect(jobs.map(({ kind, name, template, patch }) => ({ kind, name, template, patch }))).toEqual([
      { kind: "Workflow", name: "ci", template: "spec.templates[1] (build)", patch: [] },
      { kind: "Workflow", name: "ci", template: "spec.templates[2] (set)", patch: [] },
    ]);
    expect(jobs[0]?.containers).toMatchObject([
      { name: "wait", role: "main", argv: ["argoexec", "wait"] },
      { name: "main", role: "main", argv: ["/var/run/argo/argoexec", "emissary", "--", "go", "build"] },
      // Argo ends its own sidecars.
      { name: "dind", role: "main", roleSource: "ends-by-itself" },
    ]);
  });

  test("the Pod of each of Volcano's tasks, and the Job of each of a JobSet's", () => {
    expect(explained(VOLCANO).jobs).toMatchObject([
      { template: "spec.tasks[0].template (master)", labelled: false, outcome: "patch" },
      { template: "spec.tasks[1].template (worker)", labelled: true, outcome: "leave", reason: "runs-forever" },
    ]);
    expect(explained(JOB_SET).jobs).toMatchObject([
      { template: "spec.replicatedJobs[0].template (leader)", labelled: false, outcome: "patch" },
    ]);
  });

  test("the sidecars that Spark's operator adds later become native", () => {
    const { jobs, text } = explained(SPARK);
    expect(jobs).toMatchObject([
      { namespace: "data", name: "pi", template: "spec.driver (driver)", outcome: "late" },
      { template: "spec.executor (executor)", outcome: "leave" },
    ]);
    expect(text).toContain("late containers: shipper becomes a native sidecar, behind the init containers\n");
  });
});

describe("whoever makes them, Pods that would be refused", () => {
  const unclear = JOB_SET.replace("docker:27-dind", "registry.example/tool").replace("name: dind", "name: tool");

  test("count if they're labelled", () => {
    const labelled = unclear.replace(
      "template:\n",
      'template:\n        metadata: { labels: { curfew.sh/enabled: "true" } }\n',
    );
    expect(explained(labelled)).toMatchObject({ hasRefusals: true, jobs: [{ outcome: "refuse", labelled: true }] });
    expect(explained(unclear, { unlabelled: "plan" })).toMatchObject({ hasRefusals: true });
  });

  test("don't count if only the label would make them refused", () => {
    expect(explained(unclear)).toMatchObject({ hasRefusals: false, jobs: [{ outcome: "refuse" }] });
  });
});

test.each([
  ["Workflow", WORKFLOW.replace("{ name: ci }", '{ name: ci, labels: { curfew.sh/enabled: "true" } }')],
  ["JobSet", JOB_SET.replace("{ name: train }", '{ name: train, annotations: { curfew.sh/enabled: "true" } }')],
])("warns about the label on a %s itself", (_, text) => {
  expect(explained(text).others.flatMap(({ warnings }) => warnings)).toEqual([
    expect.stringMatching(/^The .* in metadata\.\w+ has no effect: write .* in spec\./),
  ]);
});

describe("what isn't for Curfew", () => {
  const deployment = (metadata: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    metadata: ${metadata}
    spec: { containers: [{ name: web, image: nginx }] }
`;

  test("gets one line if it's labelled", () => {
    const { jobs, others } = explained(deployment('{ labels: { curfew.sh/enabled: "true" } }'));
    expect(jobs).toEqual([]);
    expect(others).toMatchObject([
      {
        kind: "Deployment",
        message:
          "A Deployment runs forever, so it isn't for Curfew: remove curfew.sh/enabled from spec.template.metadata.labels.",
        labels: [],
      },
    ]);
  });

  test("gets none otherwise, as a chart can have dozens", () => {
    expect(explained(deployment("{}"))).toMatchObject({ jobs: [], others: [], text: "" });
  });
});
