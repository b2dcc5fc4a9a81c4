import { parseDocument } from "yaml";
import { expect, test } from "vitest";
import { applyPatch, editYaml } from "../../../src/offline/edit-yaml.ts";
import type { PatchOperation } from "../../../src/injection/plan.ts";

const JOB = `# Ours since 2020
apiVersion: batch/v1
kind: Job
metadata:
  name:   build   # odd spaces stay
  annotations: {} # none yet
spec:
  template:
    spec:
      containers:
      # What the Job is about
      - name: agent
        image: 'buildkite/agent:3'
        args: [start] # the default
      # A daemon
      # in two lines
      - name: dind
        image: docker:27-dind
        command:
        - sh
      restartPolicy: Never

# The end
`;

const containers = "/spec/template/spec/containers";

/** The removed and the added lines. All others are the same, in the same order. */
function changedLines(before: string, after: string): { gone: string[]; added: string[] } {
  const count = (text: string, line: string) => text.split("\n").filter((each) => each === line).length;
  const only = (text: string, other: string) =>
    text.split("\n").filter((line) => count(text, line) > count(other, line));
  return { gone: only(before, after), added: only(after, before) };
}

function edit(text: string, ...patch: PatchOperation[]): string {
  const edited = editYaml(text, patch);
  expect(edited.inPlace).toBe(true);
  return edited.text;
}

test("adds a key to a block map and leaves every other byte alone", () => {
  const text = edit(JOB, { op: "add", path: "/spec/backoffLimit", value: 0 });
  expect(text).toBe(JOB.replace("      restartPolicy: Never\n", "      restartPolicy: Never\n  backoffLimit: 0\n"));
});

test("appends to a sequence with the indentation of its other items", () => {
  const text = edit(JOB, { op: "add", path: `${containers}/-`, value: { name: "x", ports: [{ containerPort: 1 }] } });
  const added = "      - name: x\n        ports:\n        - containerPort: 1\n";
  expect(text).toBe(JOB.replace("      restartPolicy: Never\n", `${added}      restartPolicy: Never\n`));
});

test("indents new sequences if the manifest does", () => {
  const text = edit("list:\n  - a\n", { op: "add", path: "/more", value: [{ a: 1 }] });
  expect(text).toBe("list:\n  - a\nmore:\n  - a: 1\n");
});

test("keeps the comment next to a value that it replaces, but outside of the script", () => {
  const command = ["/bin/sh", "-c", "one\ntwo\n"];
  const { gone, added } = changedLines(JOB, edit(JOB, { op: "add", path: `${containers}/0/args`, value: command }));
  expect(gone).toEqual(["        args: [start] # the default"]);
  const script = ["        - |", "          one", "          two"];
  expect(added).toEqual(["        args: # the default", "        - /bin/sh", "        - -c", ...script]);
});

test("fills an empty flow map", () => {
  const { gone, added } = changedLines(
    JOB,
    edit(JOB, { op: "add", path: "/metadata/annotations/a~1b", value: "true" }),
  );
  expect(gone).toEqual(["  annotations: {} # none yet"]);
  expect(added).toEqual(["  annotations: # none yet", '    a/b: "true"']);
});

test("puts command and args side by side", () => {
  expect(edit(JOB, { op: "add", path: `${containers}/0/command`, value: ["a"] })).toContain(
    "        command: [a]\n        args: [start] # the default\n",
  );
  expect(edit(JOB, { op: "add", path: `${containers}/1/args`, value: ["b"] })).toContain(
    "        - sh\n        args: [b]\n",
  );
});

test("moves a container with the comments above it", () => {
  const text = edit(
    JOB,
    { op: "add", path: "/spec/template/spec/initContainers", value: [] },
    { op: "move", from: `${containers}/1`, path: "/spec/template/spec/initContainers/-" },
    { op: "add", path: "/spec/template/spec/initContainers/0/restartPolicy", value: "Always" },
  );
  expect(text).toContain(`      restartPolicy: Never
      initContainers:
      # A daemon
      # in two lines
      - name: dind
        image: docker:27-dind
        command:
        - sh
        restartPolicy: Always

# The end
`);
  expect(text.match(/# A daemon/g)).toHaveLength(1);
});

test("quotes what YAML 1.1 or 1.2 wouldn't read as a string", () => {
  const values = ["on", "yes", "0644", "1:20", "2020-01-01", "null", "1e3", "", " x", "- y", "#"];
  const text = edit("a: 1\n", { op: "add", path: "/b", value: values });
  for (const version of ["1.1", "1.2"] as const)
    expect(parseDocument(text, { version }).toJS()).toEqual({ a: 1, b: values });
});

test("gives an alias its own value if the patch changes it", () => {
  const text = edit("a: &x\n  - name: one\nb: *x\n", { op: "add", path: "/b/0/name", value: "two" });
  expect(text).toBe("a: &x\n  - name: one\nb:\n  - name: two\n");
});

test("rewrites the whole document, and says so, if an edit would change more than the patch does", () => {
  const text = "a: &x # comment\n  - name: one\nb: *x\n";
  const edited = editYaml(text, [{ op: "add", path: "/a/0/name", value: "two" }]);
  expect(edited).toEqual({ text: "a:\n  - name: two\nb:\n  - name: one\n", inPlace: false });
});

test("has the same result as the patch, in whatever form a container is written", () => {
  const forms = [
    "- name: a\n  args: [x]\n",
    "- {name: a, args: [x]}\n",
    "-   name: a\n    args:\n    - x\n",
    '- "name": "a"\n  "args":\n  - |\n    x\n\n    y\n',
    "- # comment\n  name: a\n  args: # comment\n    - x # comment\n",
    "- args: [\n    x, # comment\n    y,\n  ]\n  name: a\n",
    "- name: a\n  args:\n",
    "- name: a\r\n  args:\r\n  - x\r\n",
    "- name: a\n  args: &args [x]\n- name: b\n  args: *args\n",
    "- &base\n  name: a\n- <<: *base\n  name: b\n",
  ];
  const patch: PatchOperation[] = [
    { op: "add", path: "/0/command", value: ["/bin/sh", "-c", "a\n\n  b", "curfew"] },
    { op: "add", path: "/0/args", value: ["1", "2"] },
    { op: "add", path: "/0/volumeMounts", value: [] },
    { op: "add", path: "/0/volumeMounts/-", value: { name: "v", mountPath: "/v" } },
    { op: "add", path: "/-", value: { name: "z" } },
  ];
  for (const form of forms) {
    const value: unknown = parseDocument(form, { merge: true }).toJS();
    expect(parseDocument(editYaml(form, patch).text, { merge: true }).toJS(), form).toEqual(applyPatch(value, patch));
  }
});
