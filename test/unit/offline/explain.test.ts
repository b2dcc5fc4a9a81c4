import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { diffManifest } from "../../../src/offline/diff.ts";
import { explain } from "../../../src/offline/explain.ts";
import { explanationText } from "../../../src/offline/explain-text.ts";
import { manifestsOf, parseManifests } from "../../../src/offline/manifests.ts";
import { planManifest } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/offline/planner-options.ts";

const job = (containers: string, rest = "") => `apiVersion: batch/v1
kind: Job
metadata:
  name: build
  labels: { curfew.sh/enabled: "true" }
${rest}spec:
  template:
    spec:
      restartPolicy: Never
      containers:
${containers}`;

const AGENT = "        - { name: agent, image: 'buildkite/agent:3' }\n";
const DIND = "        - { name: dind, image: 'docker:27-dind' }\n";
const PROXY = "        - { name: proxy, image: 'gcr.io/cloud-sql-connectors/cloud-sql-proxy:2' }\n";
const TOOL = "        - { name: tool, image: registry.example/tool }\n";

function explained(text: string, options: Parameters<typeof createPlanner>[0] = {}) {
  const parsed = parseManifests("job.yaml", text);
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  const [planned] = manifestsOf(parsed.file).flatMap((manifest) => planManifest(manifest, createPlanner(options)));
  if (!planned) throw new Error("there is no Job in this");
  const explanation = explain(planned);
  const layOut = (width: number) =>
    stripVTControlCharacters(explanationText(explanation, diffManifest(planned.manifest, planned.patch), width));
  return { explanation, layOut, text: layOut(120) };
}

test("tells the strategy, each container's role and argv, what is stopped when, and what is added", () => {
  const { text } = explained(job(AGENT + DIND));
  expect(text.slice(0, text.indexOf("  line "))).toBe(`Job build  job.yaml, document 1
  trap: chosen by auto, as trap meets no limit

  CONTAINER  ROLE     BECAUSE                            RUNS                              KNOWN FROM
  agent      main     it's the only one left             buildkite-agent-entrypoint start  known image
  dind       sidecar  its image is known as a sidecar's  dockerd-entrypoint.sh             known image

  When agent has ended, whatever the way: dind gets TERM, and KILL 30 s later.

  Added: a shell wrapper around agent, dind; the volume tmp-pod, mounted in each wrapped container; the annotation
    curfew.sh/injected.

`);
});

describe("the difference", () => {
  test("shows added and removed lines of the manifest, and only the first words of scripts", () => {
    const { text } = explained(job(AGENT + DIND));
    const diff = text.slice(text.indexOf("  line ")).split("\n");
    expect(diff).toContain("  +  annotations:");
    expect(diff.filter((line) => line.startsWith("  -"))).toHaveLength(2);
    expect(diff.filter((line) => /<wrapper: \d+ lines of shell, not shown>/.test(line))).toHaveLength(2);
    expect(diff.length).toBeLessThan(50);
  });

  test("of a JSON manifest is one of JSON", () => {
    const parsed = parseManifests("job.yaml", job(AGENT + DIND));
    const [manifest] = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];
    const { text } = explained(JSON.stringify(manifest?.value));
    expect(text).toMatch(/ {2}\+ +"curfew\.sh\/injected": "trap"/);
  });
});

test("names the limit that kept auto from trap", () => {
  const { explanation, text } = explained(job(AGENT + PROXY));
  expect(explanation).toMatchObject({ outcome: "patch", strategy: "native" });
  expect(text).toContain("  native: chosen by auto, as trap is ruled out\n    trap, no-shell: ");
  expect(text).toContain("proxy moved to initContainers with restartPolicy: Always");
});

test("says why a Job is refused, with every limit and way out, and shows no difference", () => {
  const { explanation, text } = explained(job(TOOL + PROXY), { nativeSidecars: false });
  expect(explanation).toMatchObject({ outcome: "refuse", reason: "limits-met", patch: [] });
  for (const limit of ["trap, argv-unknown", "trap, no-shell", "native, old-nodes"])
    expect(text).toContain(`    ${limit}: `);
  expect(text).toContain("      way out: set command in the manifest, or command.curfew.sh/tool");
  expect(text).not.toContain("  line ");
});

test("shows which containers are in doubt, and the lines to paste", () => {
  const { explanation, text } = explained(job(AGENT + TOOL));
  expect(explanation).toMatchObject({ outcome: "refuse", reason: "roles-unclear" });
  expect(text).toContain('curfew.sh/main: "agent,tool"');
  expect(text).toContain('curfew.sh/sidecars: "tool"');
  expect(text).toMatch(/^ {2}tool +unclear +nothing shows what it is +unknown$/m);
});

test("says of each native sidecar that it's restarted if it ends early, and that its exit code doesn't count", () => {
  const { text } = explained(job(AGENT + PROXY + DIND), { strategy: "native" });
  expect(text).toContain("kubelet stops dind and proxy, in this order, TERM first");
  for (const name of ["proxy", "dind"])
    expect(text).toContain(
      `  ${name}: if it ends before that, kubelet restarts it, and its exit code no longer counts.\n`,
    );
});

test("says which strategy may do more harm where both meet limits", () => {
  const startupProbe = DIND.replace("}", ", startupProbe: { exec: { command: [x] } } }");
  const { text } = explained(job(AGENT + startupProbe));
  expect(text).toContain("  trap: chosen by auto, as native may do more harm\n    trap, probes: ");
  expect(text).toContain("    native, holds-main-back: ");
});

test("says why a Job is left alone", () => {
  expect(explained(job(AGENT)).text).toContain("  left alone: ");
});

test("shows the planner's warnings, and a label that has no effect", () => {
  const mistyped = explained(job(AGENT + DIND, "  annotations: { curfew.sh/mian: agent }\n"));
  expect(mistyped.text).toContain(`  warning: "curfew.sh/mian" isn't an annotation that Curfew knows`);
  const misplaced = job(AGENT + DIND)
    .replace(/ *labels:.*\n/, "")
    .replace("  template:\n", '  template:\n    metadata: { labels: { curfew.sh/enabled: "true" } }\n');
  expect(explained(misplaced).text).toContain(
    "  warning: the label curfew.sh/enabled in spec.template.metadata.labels has no effect",
  );
});

test("fits its table to a narrow terminal", () => {
  const long = DIND.replace("}", `, args: [${"--long-option, ".repeat(20)}x] }`);
  for (const line of explained(job(AGENT + long))
    .layOut(100)
    .split("\n  line ")[0]
    ?.split("\n") ?? []) {
    expect(line.length).toBeLessThanOrEqual(100);
  }
});
