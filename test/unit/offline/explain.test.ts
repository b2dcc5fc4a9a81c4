import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { diffManifest } from "../../../src/offline/diff.ts";
import { explain } from "../../../src/offline/explain.ts";
import { explanationText } from "../../../src/offline/explain-text.ts";
import { manifestsOf, parseManifests } from "../../../src/offline/manifests.ts";
import { planManifest, type Scope } from "../../../src/offline/plan-manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

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

function explained(text: string, options: Parameters<typeof createPlanner>[0] & Scope = {}) {
  const { unlabelled = "preview", namespaces = new Set(), ...settings } = options;
  const parsed = parseManifests("job.yaml", text);
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  const [manifest] = manifestsOf(parsed.file);
  const [planned] = manifest ? planManifest(manifest, createPlanner(settings), { unlabelled, namespaces }) : [];
  if (!planned) throw new Error("there is no Job in this");
  const explanation = explain(planned);
  const hunks = diffManifest(planned.manifest, planned.patch);
  const { isPreview, kind } = planned;
  const layOut = (width: number) =>
    stripVTControlCharacters(explanationText(explanation, { hunks, width, isPreview, planned: kind, noun: kind }));
  return { explanation, layOut, text: layOut(120) };
}

test("shows the strategy, each container's role and argv, what's stopped when, and what's added", () => {
  const { text } = explained(job(AGENT + DIND));
  expect(text.slice(0, text.indexOf("  line "))).toBe(`Job build  job.yaml, document 1
  strategy: trap (auto; nothing rules it out)

  CONTAINER  ROLE     WHY                           RUNS                              FROM
  agent      main     it's the only one left        buildkite-agent-entrypoint start  known image
  dind       sidecar  its image is a known sidecar  dockerd-entrypoint.sh             known image

  When agent exits, for any reason: dind gets TERM, then KILL if it's still running 30 s later.

  Changes: a shell wrapper around agent, dind; the volume tmp-pod, mounted in each wrapped container; the annotation
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

  test("is the same for a manifest with CRLF as for one with LF", () => {
    const crlf = job(AGENT + DIND).replaceAll("\n", "\r\n");
    expect(explained(crlf).text).toBe(explained(job(AGENT + DIND)).text);
  });

  test("is in JSON for a JSON manifest", () => {
    const parsed = parseManifests("job.yaml", job(AGENT + DIND));
    const [manifest] = parsed.kind === "parsed" ? manifestsOf(parsed.file) : [];
    const { text } = explained(JSON.stringify(manifest?.value));
    expect(text).toMatch(/ {2}\+ +"curfew\.sh\/injected": "trap"/);
  });
});

test("names the limit that kept auto from choosing trap", () => {
  const { explanation, text } = explained(job(AGENT + PROXY));
  expect(explanation).toMatchObject({ outcome: "patch", strategy: "native" });
  expect(text).toContain("  strategy: native (auto; trap is ruled out)\n    proxy (gcr.io/");
  expect(text).toContain("\n      trap, no-shell: ");
  expect(text).toContain("proxy moved to initContainers, with restartPolicy: Always");
});

test("says why a Job is refused, with every limit and how to fix it, and shows no difference", () => {
  const { explanation, text } = explained(job(TOOL + PROXY), { nativeSidecars: false });
  expect(explanation).toMatchObject({ outcome: "refuse", reason: "limits-met", patch: [] });
  for (const limit of ["trap, argv-unknown", "trap, no-shell", "native, old-nodes"])
    expect(text).toContain(`      ${limit}: `);
  expect(text).toContain("        fix: set command, or set command.curfew.sh/tool");
  expect(text).not.toContain("  line ");
});

test("shows which containers are in doubt, and the lines to paste", () => {
  const { explanation, text } = explained(job(AGENT + TOOL));
  expect(explanation).toMatchObject({ outcome: "refuse", reason: "roles-unclear" });
  expect(text).toContain('curfew.sh/main: "agent,tool"');
  expect(text).toContain('curfew.sh/sidecars: "tool"');
  expect(text).toMatch(/^ {2}tool +unclear +nothing shows what it is +unknown$/m);
});

test("says that a native sidecar is restarted if it ends early, and that its exit code doesn't count", () => {
  const { text } = explained(job(AGENT + PROXY + DIND), { strategy: "native" });
  expect(text).toContain("kubelet stops dind, then proxy. Each gets TERM, then KILL");
  const caveat = "exits earlier, kubelet restarts it, and its exit code doesn't count.\n";
  expect(text).toContain(`  If one of proxy and dind ${caveat}`);
  expect(explained(job(AGENT + PROXY)).text).toContain(`  If proxy ${caveat}`);
});

test("says which strategy may do more harm if both meet limits", () => {
  const startupProbe = DIND.replace("}", ", startupProbe: { exec: { command: [x] } } }");
  const { text } = explained(job(AGENT + startupProbe));
  expect(text).toContain(
    "  strategy: trap (auto; native could do more harm)\n    dind (docker:27-dind)\n      native, ",
  );
  expect(text).toContain('  warning: "dind": If the sidecar\'s liveness or startup probe fails');
});

test("groups the containers that meet the same limit, and the limits that one container meets", () => {
  const { text } = explained(job(TOOL + TOOL.replace("tool,", "twin-sidecar,") + PROXY), { nativeSidecars: false });
  const start = text.indexOf("    tool (");
  expect(text.slice(start, text.indexOf("  CONTAINER"))).toBe(
    `    tool (registry.example/tool), twin-sidecar (registry.example/tool)
      trap, argv-unknown: The manifest sets no command, and Curfew doesn't know the image's entry point.
        fix: set command, or set command.curfew.sh/CONTAINER to the image's entry point, as in '["/entrypoint.sh"]'
    proxy (gcr.io/cloud-sql-connectors/cloud-sql-proxy:2)
      trap, no-shell: The wrapper needs a shell, and the image is known to have none.
        fix: use a tag of the image that has a shell, or set shell.curfew.sh/proxy to the path of one
    the whole Job
      native, old-nodes: Some nodes are older than Kubernetes 1.29 and don't support native sidecars (the operator's
        setting).
        fix: upgrade the nodes, or ask the operator
    fix: name a container in curfew.sh/ignore if it ends by itself

`,
  );
});

test("shows a limit that doesn't stop a Job once, as a warning", () => {
  const tool = TOOL.replace("registry.example/tool", "registry.example/tool, command: [/tool]");
  const { explanation, text } = explained(job(tool + DIND), { strategy: "trap" });
  expect(explanation.limits.map(({ limit }) => limit)).toEqual(["shell-not-evident"]);
  expect(text.match(/Nothing shows that the image has a shell/g)).toHaveLength(1);
  expect(text).toContain('  warning: "tool": Nothing shows');
});

test("says that the other strategy would work if the one that the Job asks for can't", () => {
  const { text } = explained(job(AGENT + PROXY), { strategy: "trap" });
  expect(text).toContain("    fix: set curfew.sh/strategy: native, which works for this Job\n");
});

test("says why a Job is left alone", () => {
  expect(explained(job(AGENT)).text).toContain("  left alone: ");
});

test("says once why a Pod is left alone, and what to do", () => {
  const pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: web }] }\n";
  expect(explained(pod).text).toBe(`Pod web  job.yaml, document 1
  left alone: The Pod's restartPolicy is Always, so it runs until somebody deletes it.

  warning: Curfew leaves it alone. If it's meant to end, set restartPolicy to Never or OnFailure.
`);
});

test("says that a Job's Namespace opts it in", () => {
  const unlabelled = job(AGENT + TOOL).replace(/ *labels:.*\n/, "  namespace: ci\n");
  const { text, explanation } = explained(unlabelled, { namespaces: new Set(["ci"]) });
  expect(text).toContain("  Opted in by its Namespace, ci:\n  left alone: Curfew can't tell ");
  expect(explanation).toMatchObject({ labelled: false, optedInBy: "namespace", outcome: "leave" });
});

describe("for a Job without the label", () => {
  const unlabelled = job(AGENT + DIND).replace(/ *labels:.*\n/, "");

  test("shows what would happen with the label, and says that the label is missing", () => {
    const { text, explanation } = explained(unlabelled);
    expect(text).toContain(`Job build  job.yaml, document 1
  This Job hasn't opted in. With the label:
  strategy: trap (auto; nothing rules it out)
`);
    expect(text).toContain("  +  annotations:");
    expect(explanation).toMatchObject({ labelled: false, outcome: "patch" });
  });

  test("does so for a CronJob, too", () => {
    const body = unlabelled.slice(unlabelled.indexOf("spec:")).replaceAll(/^(?=.)/gm, "    ");
    const cronJob = `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: x }\nspec:\n  jobTemplate:\n${body}`;
    expect(explained(cronJob).text).toContain("  This CronJob hasn't opted in. With the label:\n  strategy: trap ");
  });

  test("shows the plan as for a labelled one if all are treated as labelled", () => {
    const { text, explanation } = explained(unlabelled, { unlabelled: "plan" });
    expect(text).not.toContain("With the label:");
    expect(explanation).toMatchObject({ labelled: false, outcome: "patch" });
  });

  test.each(["false", "yes"])('shows no plan if the label says "%s"', (value) => {
    const { text, explanation } = explained(job(AGENT + DIND).replace('"true"', `"${value}"`));
    expect(text).toContain("\n  left alone: ");
    expect(text).not.toContain("With the label:");
    expect(explanation).toMatchObject({ labelled: false, outcome: "leave", patch: [] });
  });
});

test("gives ids for machines, with a sentence for people next to each", () => {
  const { explanation } = explained(job(TOOL + DIND), { strategy: "trap" });
  expect(explanation).toMatchObject({
    labelled: true,
    outcome: "refuse",
    reason: "limits-met",
    message: expect.any(String) as string,
    limits: [
      {
        limit: "argv-unknown",
        strategy: "trap",
        container: "tool",
        image: "registry.example/tool",
        message: expect.stringMatching(/^The manifest sets no command/) as string,
        wayOut: expect.stringContaining("command.curfew.sh/tool") as string,
      },
    ],
    containers: [
      { name: "tool", role: "main", roleSource: "only-one-left", argvSource: "unknown" },
      { name: "dind", role: "sidecar", roleSource: "known-image", argvSource: "known-image" },
    ],
  });
  for (const { because } of explanation.containers) expect(because).not.toBe("");
  expect(explained(job(AGENT + DIND)).explanation).toMatchObject({ strategy: "trap", chosenBy: "auto" });
});

test("shows the planner's warnings", () => {
  const mistyped = explained(job(AGENT + DIND, "  annotations: { curfew.sh/mian: agent }\n"));
  expect(mistyped.text).toContain(`  warning: Curfew doesn't know the annotation "curfew.sh/mian"`);
});

test("fits the table to a narrow terminal", () => {
  const long = DIND.replace("}", `, args: [${"--long-option, ".repeat(20)}x] }`);
  for (const line of explained(job(AGENT + long))
    .layOut(100)
    .split("\n  line ")[0]
    ?.split("\n") ?? []) {
    expect(line.length).toBeLessThanOrEqual(100);
  }
});
