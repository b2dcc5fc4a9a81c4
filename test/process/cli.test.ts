import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

const CURFEW = join(import.meta.dirname, "../../bin/curfew.js");
const JOB = `apiVersion: batch/v1
kind: Job
metadata:
  name: build
  labels:
    curfew.sh/enabled: "true"
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: agent
          image: buildkite/agent:3
        - name: dind
          image: docker:27-dind
`;
const POD = `apiVersion: v1\nkind: Pod\n${JOB.slice(JOB.indexOf("metadata:"), JOB.indexOf("spec:"))}${JOB.slice(
  JOB.indexOf("    spec:"),
).replaceAll(/^ {4}/gm, "")}`;
const WORKFLOW = `apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: ci }
spec:
  templates:
    - name: build
      container: { image: golang, command: [go, build] }
`;
const REFUSED = JOB.replace("buildkite/agent:3", "registry.example/tool");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-cli-"));
  writeFileSync(join(folder, "a.yaml"), JOB);
  writeFileSync(join(folder, "b.json"), "{}\n");
  writeFileSync(join(folder, "README.md"), "not a manifest: [");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs curfew without a terminal, so without colours unless FORCE_COLOR asks for them. */
function curfew(args: readonly string[], { input = "", env = {} } = {}) {
  const base = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/COLOR|^CURFEW_/.test(name)));
  return spawnSync(process.execPath, [CURFEW, ...args], { input, env: { ...base, ...env }, encoding: "utf8" });
}

/** Runs a script in which "$0" "$@" is curfew with these arguments. */
function shell(script: string, args: readonly string[]) {
  const child = spawn("sh", ["-c", script, process.execPath, CURFEW, ...args], {
    env: { ...process.env, TMPDIR: folder },
  });
  return Promise.all([text(child.stdout), text(child.stderr)]).then(([stdout, stderr]) => ({ stdout, stderr }));
}

describe("curfew, if nobody reads all of its output", () => {
  test.each([
    ["explain", [], 50],
    ["explain", ["-o", "json"], 10],
    ["inject", [], 10],
    ["inject", ["-o", "patch"], 10],
  ])("ends quietly, with SIGPIPE's exit code: %s %j", async (name, args, jobs) => {
    const path = join(folder, "many.jobs");
    // Their output is more than fits into the pipe and head, 72 KiB.
    writeFileSync(path, Array.from({ length: jobs }, () => JOB).join("---\n"));
    const script = `{ { "$0" "$@"; echo "$?" >&3; } | head -n 1 >/dev/null; } 3>&1`;
    const rounds = Array.from({ length: 4 }, () => shell(script, [name, ...args, "-f", path]));
    for (const { stdout, stderr } of await Promise.all(rounds)) {
      expect(stdout).toBe("141\n");
      expect(stderr).not.toMatch(/EPIPE|Error|\bat /);
    }
  });

  test.each(["--help", "--version", "explain --help", "help inject"])("ends the same way: curfew %s", async (args) => {
    const fifo = join(folder, `fifo ${args}`);
    // The reader has ended before curfew starts.
    const script = `mkfifo '${fifo}'; : <'${fifo}' & exec 3>'${fifo}'; wait; "$0" "$@" >&3; echo "$?"`;
    expect(await shell(script, args.split(" "))).toEqual({ stdout: "141\n", stderr: "" });
  });
});

test("curfew admission keeps serving if nobody reads its log any more", async () => {
  const local = ["--host", "127.0.0.1", "--port", "0", "--ops-port", "0", "--drain-seconds", "0"];
  const missing = ["--tls-cert", join(folder, "no.crt"), "--tls-key", join(folder, "no.key")];
  const child = spawn(process.execPath, [CURFEW, "admission", ...local, ...missing], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stderr = text(child.stderr);
  const ended = once(child, "close");
  await once(child.stdout, "data"); // it logs, so it listens for signals
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.kill("SIGTERM"); // it logs twice more before it ends
  expect(await ended).toEqual([0, null]);
  expect(await stderr).toBe("");
});

describe("curfew", () => {
  test("lists its subcommands and exit codes", () => {
    const { status, stdout } = curfew(["--help"]);
    expect(status).toBe(0);
    for (const name of ["admission", "dispatch", "certs", "inject", "explain", "demo", "version"]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
    }
    expect(stdout).toContain("Exit codes:");
  });

  test("says its version and its commit", () => {
    const json = JSON.parse(curfew(["version", "-o", "json"]).stdout) as { version: string; commit: string };
    expect(json).toMatchObject({ schemaVersion: 1, version: packageJson.version });
    expect(json.commit).toMatch(/^([0-9a-f]{40}(-dirty)?|unknown)$/);
    for (const args of [["version"], ["-V"], ["--version"]]) {
      const { status, stdout } = curfew(args);
      expect({ status, stdout }).toEqual({ status: 0, stdout: `curfew ${json.version} (commit ${json.commit})\n` });
    }
  });

  test("ends with 2 on an older Node, and says which version it needs", () => {
    const older = `data:text/javascript,Object.defineProperty(process, "versions", { value: { node: "20.19.0" } })`;
    const { status, stderr } = curfew(["--version"], {
      env: { NODE_OPTIONS: `--import="${older.replaceAll('"', "'")}"` },
    });
    expect(stderr).toContain("needs Node 24 or later, and this is 20.19.0");
    expect(status).toBe(2);
  });

  test.each(["admission", "dispatch", "certs", "inject", "explain", "demo", "version"])(
    "help %s shows its usage",
    (name) => {
      const { status, stdout } = curfew(["help", name]);
      expect(status).toBe(0);
      expect(stdout).toContain(`Usage: curfew ${name}`);
    },
  );

  test.each([[[]], [["nothing"]], [["inject", "--nothing"]], [["inject", "-o", "xml"]]])(
    "%j ends with 2 and says why",
    (args) => {
      const { status, stdout, stderr } = curfew(args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).not.toBe("");
    },
  );
});

describe("curfew inject", () => {
  test("reads standard input and writes to standard output, ready for kubectl apply -f -", () => {
    const { status, stdout, stderr } = curfew(["inject"], { input: JOB });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "curfew inject: 1 Job patched\n" });
    expect(stdout.startsWith(JOB.slice(0, JOB.indexOf("spec:")))).toBe(true);
    expect(stdout).toContain("curfew.sh/injected: trap");
  });

  test("--summary json says on standard error what was done, for machines", () => {
    const summaryOf = (input: string, ...args: string[]) => {
      const { status, stderr } = curfew(["inject", "--summary=json", "--strategy=trap", ...args], { input });
      return { status, summary: JSON.parse(stderr) as unknown };
    };
    const build = { file: "standard input", document: 1, kind: "Job", name: "build" };
    expect(summaryOf(JOB)).toEqual({
      status: 0,
      summary: {
        schemaVersion: 1,
        jobs: [{ ...build, outcome: "patch", strategy: "trap" }],
        messages: ["1 Job patched"],
      },
    });
    expect(summaryOf(REFUSED)).toMatchObject({
      status: 1,
      summary: { jobs: [{ ...build, outcome: "refuse", reason: "limits-met" }] },
    });
    const messages = ["cannot read nowhere.yaml: ENOENT: no such file or directory, stat 'nowhere.yaml'"];
    expect(summaryOf("", "-f", "nowhere.yaml")).toEqual({
      status: 2,
      summary: { schemaVersion: 1, jobs: [], messages },
    });
  });

  test("patches Pods, too, and says where the label goes on what it doesn't change", () => {
    const { status, stdout, stderr } = curfew(["inject"], { input: `${POD}---\n${WORKFLOW}` });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr:
        "curfew inject: 1 Pod patched\n" +
        "curfew inject: Workflow ci isn't changed: the label goes in spec.podMetadata.labels (more: curfew explain)\n",
    });
    expect(stdout).toContain("curfew.sh/injected: trap");
    expect(stdout.endsWith(WORKFLOW)).toBe(true);
  });

  test("keeps a byte order mark and Windows line endings", () => {
    const windows = `\uFEFF${JOB.replaceAll("\n", "\r\n")}`;
    const { status, stdout } = curfew(["inject"], { input: windows });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\uFEFFapiVersion/);
    expect(stdout).toContain("curfew.sh/injected: trap\r\n");
    expect(stdout).not.toMatch(/[^\r]\n/);
  });

  test("reads several files, and directories as kubectl does", () => {
    const { status, stdout } = curfew(["inject", "-o", "json", "-f", folder, "-f", join(folder, "a.yaml")]);
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as { items: { kind?: string }[] }).items.map(({ kind }) => kind)).toEqual([
      "Job",
      undefined,
      "Job",
    ]);
  });

  test("ends with 1 and writes nothing to standard output if a Job is refused", () => {
    const { status, stdout, stderr } = curfew(["inject", "--strategy=trap", "-f", "-"], {
      input: `${JOB}---\n${REFUSED}`,
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^curfew inject: standard input, document 2, Job build: refused \(limits-met\)/);
  });

  test.each([
    ["a missing file", ["-f", "nowhere.yaml"], "", /cannot read nowhere\.yaml/],
    ["broken YAML", [], "a: [", /standard input:1:\d+: /],
    ["a missing file of known images", ["--known-images", "nowhere.yaml"], JOB, /nowhere\.yaml/],
  ])("ends with 2 for %s", (_, args, input, message) => {
    const { status, stdout, stderr } = curfew(["inject", ...args], { input });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("knows the operator's own images, and reads settings from the environment as the webhook does", () => {
    const rows = join(folder, "images.rows");
    writeFileSync(rows, "- image: tool\n  entrypoint: [/tool]\n  cmd: []\n  shell: /bin/sh\n");
    const env = { CURFEW_KNOWN_IMAGES: rows, CURFEW_STRATEGY: "trap" };
    expect(curfew(["inject"], { input: REFUSED, env })).toMatchObject({
      status: 0,
      stderr: "curfew inject: 1 Job patched\n",
    });
  });

  test("passes input without Jobs through, and says why it changed nothing", () => {
    const deployment = "apiVersion: apps/v1\nkind: Deployment\n";
    const { status, stdout, stderr } = curfew(["inject"], { input: deployment });
    expect({ status, stdout }).toEqual({ status: 0, stdout: deployment });
    expect(stderr).toBe(
      "curfew inject: There's no Job, CronJob or Pod in standard input, only Deployment.\n" +
        "curfew inject: A Deployment runs forever, so it isn't for Curfew.\n",
    );
  });
});

describe.each(["inject", "explain"])("curfew %s", (name) => {
  test("ends with 1 if there is no Job and --fail-on-empty is given", () => {
    const failed = (input: string) => curfew([name, "--fail-on-empty"], { input }).status;
    expect(failed("kind: Service\n")).toBe(1);
    expect(failed("")).toBe(1);
    expect(failed(JOB.replace(/ *labels:\n.*\n/, ""))).toBe(0);
  });

  test.each([
    ["UTF-16, little-endian", Buffer.from(`\uFEFF${JOB}`, "utf16le"), /it's UTF-16, and kubectl reads UTF-8/],
    ["UTF-16, big-endian", Buffer.from(`\uFEFF${JOB}`, "utf16le").swap16(), /it's UTF-16, and kubectl reads UTF-8/],
    ["NUL bytes", Buffer.from(`${JOB}\0`), /binary/],
    ["another encoding", Buffer.from(`# caf\u00e9\n${JOB}`, "latin1"), /isn't UTF-8/],
  ])("ends with 2 for input that isn't UTF-8 text: %s", (_, input, message) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CURFEW, name], { input, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("ends with 2 for a directory without manifests", () => {
    const empty = mkdtempSync(join(folder, "empty-"));
    expect(curfew([name, empty])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: `curfew ${name}: cannot read ${empty}: it has no .json, .yaml or .yml files; its subdirectories are searched only with -R\n`,
    });
  });
});

describe("curfew explain", () => {
  test("uses colours only if they're wanted", () => {
    const coloured = (env: Record<string, string>) => curfew(["explain"], { input: JOB, env }).stdout.includes("\x1b[");
    expect(coloured({})).toBe(false);
    expect(coloured({ FORCE_COLOR: "1" })).toBe(true);
    expect(coloured({ NO_COLOR: "1" })).toBe(false);
  });

  test.each([["-o", "json"], ["--json"]])("prints JSON with one entry for each Job: %j", (...args) => {
    const { status, stdout } = curfew(["explain", ...args, "--strategy=trap"], { input: `${JOB}---\n${REFUSED}` });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      jobs: [
        { document: 1, name: "build", labelled: true, outcome: "patch", strategy: "trap" },
        { document: 2, name: "build", labelled: true, outcome: "refuse", reason: "limits-met" },
      ],
    });
  });

  test("prints JSON for objects of other kinds, and for what they make", () => {
    const { status, stdout } = curfew(["explain", "--json", "--fail-on-empty"], { input: WORKFLOW });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [{ kind: "Workflow", name: "ci", template: "spec.templates[0] (build)", labelled: false, patch: [] }],
      others: [{ kind: "Workflow", name: "ci", labels: [{ path: "spec.podMetadata.labels", labelled: false }] }],
    });
  });

  test("ends with 1 if a Job would be refused, and with 0 if only the label would make it refused", () => {
    const unlabelled = REFUSED.replace(/ *labels:\n.*\n/, "");
    const statusOf = (input: string, ...args: string[]) =>
      curfew(["explain", "--strategy=trap", ...args], { input }).status;
    expect(statusOf(REFUSED)).toBe(1);
    expect(statusOf(unlabelled)).toBe(0);
    expect(statusOf(unlabelled, "--all")).toBe(1);
  });

  test("says if there is no Job: to people on standard output, to machines beside an empty list", () => {
    const said = "There's no Job, CronJob or Pod in standard input, only Service.\n";
    const input = "kind: Service\n";
    expect(curfew(["explain"], { input })).toMatchObject({ status: 0, stdout: said, stderr: "" });
    const { status, stdout, stderr } = curfew(["explain", "-o", "json"], { input });
    expect({ status, stderr }).toEqual({ status: 0, stderr: `curfew explain: ${said}` });
    expect(JSON.parse(stdout)).toEqual({ schemaVersion: 1, jobs: [], others: [] });
  });
});
