import { parse, parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import { inject } from "../../../src/offline/inject.ts";
import { parseManifests, type ManifestFile } from "../../../src/offline/manifests.ts";
import { createPlanner } from "../../../src/planner/planner.ts";

const JOB = `apiVersion: batch/v1
kind: Job
metadata:
  name: build
  namespace: ci
  labels: { curfew.sh/enabled: "true" } # opted in
spec:
  template:
    spec:
      containers:
        # the agent
        - name: agent
          image: buildkite/agent:3
        - name: dind
          image: docker:27-dind
      restartPolicy: Never
`;
const SERVICE = `# not ours
apiVersion: v1
kind:   Service
metadata: {name: x}
`;
const REFUSED = JOB.replace("buildkite/agent:3", "registry.example/own@sha256:00").replace(
  "docker:27-dind",
  "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2",
);
const CRON_JOB = `apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: "0 3 * * *"
  jobTemplate:
${JOB.split("\n")
  .slice(2)
  .map((line) => (line ? `    ${line}` : line))
  .join("\n")
  .replace("      name: build\n", "")}`;

function file(text: string, name = "file.yaml"): ManifestFile {
  const parsed = parseManifests(name, text);
  if (parsed.kind !== "parsed") throw new Error(parsed.problems.join("\n"));
  return parsed.file;
}

function injected(files: readonly ManifestFile[], options: Parameters<typeof inject>[2] = {}) {
  const result = inject(files, createPlanner({ nativeSidecars: false }), options);
  if (result.kind !== "injected") throw new Error(result.refusals.join("\n"));
  return result;
}

const annotations = (job: unknown) => (job as { metadata?: { annotations?: unknown } } | null)?.metadata?.annotations;
const TRAP = { "curfew.sh/injected": "trap" };

test("patches the labelled Job and keeps every other document, byte for byte", () => {
  const { output, notes } = injected([file(`# head\n---\n${SERVICE}---\n${JOB}---\n# empty\n---\n${SERVICE}`)]);
  expect(output.startsWith(`# head\n---\n${SERVICE}---\napiVersion: batch/v1\nkind: Job\n`)).toBe(true);
  expect(output.endsWith(`---\n# empty\n---\n${SERVICE}`)).toBe(true);
  expect(output).toContain('labels: { curfew.sh/enabled: "true" } # opted in\n');
  expect(output).toContain("        # the agent\n        - name: agent\n");
  expect(parseAllDocuments(output).map((document) => annotations(document.toJS()))[1]).toEqual(TRAP);
  expect(notes).toEqual([]);
});

test("returns a file without labelled Jobs unchanged", () => {
  const text = `%YAML 1.1\n---\n${SERVICE}...\n# tail\n---\n${JOB.replace('"true"', '"false"')}`;
  expect(injected([file(text)]).output).toBe(text);
});

test("leaves a Job alone that it has already patched", () => {
  const once = injected([file(JOB)]).output;
  expect(injected([file(once)]).output).toBe(once);
});

test("patches the Job in a CronJob", () => {
  const { output } = injected([file(CRON_JOB)]);
  const cronJob = parse(output) as { spec: { jobTemplate: unknown } };
  expect(annotations(cronJob)).toBeUndefined();
  expect(annotations(cronJob.spec.jobTemplate)).toEqual(TRAP);
});

test("patches the Jobs in a List", () => {
  const list = { apiVersion: "v1", kind: "List", items: [parse(SERVICE), parse(JOB)] as unknown[] };
  const { output } = injected([file(JSON.stringify(list), "list.json")]);
  const { items } = JSON.parse(output) as { items: unknown[] };
  expect(items.map(annotations)).toEqual([undefined, TRAP]);
});

test("keeps JSON as JSON, with its indentation", () => {
  const { output } = injected([file(JSON.stringify(parse(JOB), null, 4), "job.json")]);
  expect(output).toMatch(/^\{\n {4}"apiVersion"/);
  expect(annotations(JSON.parse(output))).toEqual(TRAP);
});

test("joins several files into one stream of documents", () => {
  const { output } = injected([file(JOB), file(JSON.stringify(parse(SERVICE)), "x.json"), file(`---\n${JOB}`)]);
  expect(parseAllDocuments(output).map((document) => (document.toJS() as { kind: string }).kind)).toEqual([
    "Job",
    "Service",
    "Job",
  ]);
});

test("reads YAML as the API server does: octal numbers, on and off, dates as text", () => {
  const { output } = injected([file("mode: 0644\nflag: on\ndate: 2020-02-28\ntime: 10:20\n")], { format: "json" });
  expect(JSON.parse(output)).toEqual({ mode: 0o644, flag: true, date: "2020-02-28", time: "10:20" });
});

test("writes several documents as one List if asked for JSON", () => {
  const { output } = injected([file(`${JOB}---\n${SERVICE}`)], { format: "json" });
  const { kind, items } = JSON.parse(output) as { kind: string; items: { kind: string }[] };
  expect([kind, ...items.map((item) => item.kind)]).toEqual(["List", "Job", "Service"]);
});

test("prints the JSON Patch of each Job, from the root of its document", () => {
  const { output } = injected([file(`${SERVICE}---\n${CRON_JOB}`)], { format: "patch" });
  const entries = JSON.parse(output) as { file: string; document: number; name: string; patch: { path: string }[] }[];
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({ file: "file.yaml", document: 2, name: "nightly" });
  for (const { path } of entries[0]?.patch ?? []) expect(path).toMatch(/^\/spec\/jobTemplate\//);
});

describe("line endings and the byte order mark", () => {
  const BOM = "\uFEFF";
  const crlf = (text: string) => text.replaceAll("\n", "\r\n");
  const lineEndsOf = (text: string) => new Set(text.match(/\r?\n/g));
  const forms: [string, (text: string) => string][] = [
    ["trap", (text) => text],
    ["native", (text) => text.replace(/( *)labels:/, '$1annotations: { curfew.sh/strategy: "native" }\n$&')],
    [
      "with anchors, so the document is rewritten",
      (text) => text.replace("spec:", "spec: &spec").replace("- name: dind", "- &d\n          name: dind"),
    ],
  ];
  const planner = createPlanner({});
  const output = (...files: ManifestFile[]) => {
    const result = inject(files, planner);
    if (result.kind !== "injected") throw new Error(result.refusals.join("\n"));
    return result.output;
  };

  test.each(forms)("YAML with CRLF becomes the same as YAML with LF, except for the line endings: %s", (_, form) => {
    const text = `# head\n---\n${form(JOB)}---\n${SERVICE}`;
    const patched = output(file(crlf(text)));
    expect(patched).not.toBe(crlf(text));
    expect(lineEndsOf(patched)).toEqual(new Set(["\r\n"]));
    expect(patched).toBe(crlf(output(file(text))));
  });

  test("JSON with CRLF keeps it, whether indented, patched or not", () => {
    const text = crlf(`${JSON.stringify(parse(JOB), null, 2)}\n`);
    const patched = output(file(text), file(crlf('{\n  "kind": "Service"\n}\n')));
    expect(lineEndsOf(patched)).toEqual(new Set(["\r\n"]));
    expect(patched).toContain("curfew.sh/injected");
  });

  test("if they're mixed, old lines keep theirs, and new lines end like the first one", () => {
    const mixed = JOB.replace("kind: Job\n", "kind: Job\r\n").replace("  name: build\n", "  name: build\r\n");
    const patched = output(file(mixed));
    expect(patched).toBe(
      output(file(JOB)).replace("kind: Job\n", "kind: Job\r\n").replace("  name: build\n", "  name: build\r\n"),
    );
    const first = crlf(JOB.slice(0, JOB.indexOf("\n") + 1)) + JOB.slice(JOB.indexOf("\n") + 1);
    expect(output(file(first))).toContain("curfew.sh/injected: trap\r\n");
    expect(output(file(first))).toContain("kind: Job\n");
  });

  test("a byte order mark stays where it is, before YAML and before JSON", () => {
    expect(output(file(BOM + JOB))).toBe(BOM + output(file(JOB)));
    expect(output(file(BOM + SERVICE))).toBe(BOM + SERVICE);
    const json = `${JSON.stringify(parse(JOB), null, 2)}\n`;
    expect(output(file(BOM + json))).toBe(BOM + output(file(json)));
  });

  test("only the first of several files keeps its byte order mark", () => {
    expect(output(file(BOM + SERVICE), file(BOM + SERVICE))).toBe(`${BOM}${SERVICE}---\n${SERVICE}`);
    expect(output(file(SERVICE), file(`${BOM}---\n${SERVICE}`))).toBe(`${SERVICE}---\n${SERVICE}`);
    expect(output(file(`${BOM}{}\n`), file(`${BOM}{}\n`))).toBe(`${BOM}{}\n{}\n`);
  });

  test("output in another format has no byte order mark", () => {
    const result = inject([file(BOM + crlf(JOB))], planner, { format: "json" });
    expect(result).toMatchObject({ output: expect.stringMatching(/^\{\n/) as string });
  });
});

describe("with --all", () => {
  const unlabelled = JOB.replace(/ *labels:.*\n/, "");
  test("a Job without the label is patched", () => {
    expect(annotations(parse(injected([file(unlabelled)], { all: true }).output))).toEqual(TRAP);
    expect(injected([file(unlabelled)]).output).toBe(unlabelled);
  });
  test("a Job whose label says false isn't", () => {
    const optedOut = JOB.replace('"true"', '"false"');
    expect(injected([file(optedOut)], { all: true }).output).toBe(optedOut);
  });
});

test("writes nothing if one of several Jobs is refused, and names file, document, container and reason", () => {
  const result = inject([file(`${JOB}---\n${REFUSED}`)], createPlanner({ nativeSidecars: false }));
  expect(result).toMatchObject({ kind: "refused" });
  if (result.kind !== "refused") return;
  expect(result).not.toHaveProperty("output");
  expect(result.refusals).toHaveLength(1);
  const [headline, ...limits] = result.refusals[0]?.split("\n") ?? [];
  expect(headline).toMatch(/^file\.yaml, document 2, Job ci\/build: refused \(limits-met\): /);
  const [who = "", limit] = limits.slice(limits.findIndex((line) => line.startsWith("  dind (")));
  expect(who).toContain("cloud-sql-proxy");
  expect(limit).toMatch(/^ +trap, no-shell: /);
});

test("warns about a label in a place where it has no effect", () => {
  const misplaced = CRON_JOB.replace(
    "  name: nightly\n",
    '  name: nightly\n  labels: { curfew.sh/enabled: "true" }\n',
  ).replace(/ {6}labels:.*\n/, "");
  const { output, notes } = injected([file(misplaced)]);
  expect(output).toBe(misplaced);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toContain("on a CronJob has no effect");
});

test("says where YAML is broken, by file, line and column", () => {
  expect(parseManifests("file.yaml", "a: 1\nb: [1\n")).toMatchObject({
    kind: "malformed",
    problems: [expect.stringMatching(/^file\.yaml:\d+:\d+: /)],
  });
  expect(parseManifests("file.yaml", "a: *nowhere\n")).toMatchObject({ kind: "malformed" });
});
