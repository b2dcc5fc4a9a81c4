/** Where `curfew inject` and `curfew explain` read manifests from, besides files and standard input. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const CURFEW = join(import.meta.dirname, "../../bin/curfew.js");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-input-"));
  for (const path of ["b.yaml", "a/one.yml", "a/deep/two.json", "c/three.yaml", "d.yaml/four.yaml"]) {
    mkdirSync(dirname(join(folder, "tree", path)), { recursive: true });
    writeFileSync(join(folder, "tree", path), JSON.stringify(job(path)));
  }
  writeFileSync(join(folder, "tree/a/README.md"), "not a manifest: [");
  symlinkSync("../b.yaml", join(folder, "tree/c/link.yaml"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function job(path: string) {
  const metadata = { name: path.replaceAll(/\W/g, "-"), labels: { "curfew.sh/enabled": "true" } };
  const containers = [
    { name: "agent", image: "buildkite/agent:3" },
    { name: "dind", image: "docker:27-dind" },
  ];
  const spec = { template: { spec: { restartPolicy: "Never", containers } } };
  return { apiVersion: "batch/v1", kind: "Job", metadata, spec };
}

/** Puts a program that runs `script` into a folder of its own. */
function program(name: string, script: string): string {
  const bin = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
  return bin;
}

function curfew(args: readonly string[], path: readonly string[] = []) {
  const env = { ...process.env, PATH: path.join(delimiter) };
  return spawnSync(process.execPath, [CURFEW, ...args], { encoding: "utf8", env, input: "" });
}

/** The names of the Jobs that explain finds. */
function found(args: readonly string[], path?: readonly string[]): string[] {
  const { stdout, stderr } = curfew(["explain", "-o", "json", ...args], path);
  expect(stderr).toBe("");
  return (JSON.parse(stdout) as { jobs: { name: string }[] }).jobs.map(({ name }) => name);
}

describe("-f DIRECTORY", () => {
  test("reads the manifests right inside, and no directory that's named like one", () => {
    expect(found(["-f", join(folder, "tree")])).toEqual(["b-yaml"]);
  });

  test("-R also reads its subdirectories, in kubectl's order", () => {
    const all = ["a-deep-two-json", "a-one-yml", "b-yaml", "b-yaml", "c-three-yaml", "d-yaml-four-yaml"];
    expect(found(["-R", "-f", join(folder, "tree")])).toEqual(all);
  });

  test("says that -R would search its subdirectories if there's nothing right inside", () => {
    const only = join(folder, "nested");
    mkdirSync(join(only, "empty"), { recursive: true });
    expect(curfew(["inject", only]).stderr).toMatch("its subdirectories are searched only with -R\n");
    expect(curfew(["inject", "-R", only]).stderr).toMatch("files; nor have its subdirectories\n");
  });
});

describe("-k DIRECTORY", () => {
  const manifests = JSON.stringify(job("built"));

  test.each([
    ["kubectl", "kustomize"],
    ["kustomize", "build"],
  ])("reads what %s %s makes of it", (tool, subcommand) => {
    const bin = program(tool, `[ "$*" = "${subcommand} over/lay" ] && echo '${manifests}'`);
    expect(found(["-k", "over/lay"], [bin])).toEqual(["built"]);
    const { status, stdout, stderr } = curfew(["inject", "-k", "over/lay"], [bin]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "curfew inject: 1 Job patched\n" });
    expect(stdout).toContain('"curfew.sh/injected":"trap"');
  });

  test("calls the file what was given to -k", () => {
    const bin = program("kubectl", `echo '${manifests}'`);
    const { stdout } = curfew(["explain", "-o", "json", "-k", "over/lay"], [bin]);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [{ file: "over/lay", document: 1 }] });
  });

  test("prefers kubectl, and shows its warnings", () => {
    const kubectl = program("kubectl", `echo '${manifests}'; echo "# Warning: 'bases' is deprecated" >&2`);
    const kustomize = program("kustomize", "exit 1");
    const { status, stderr } = curfew(["explain", "-k", "."], [kustomize, kubectl]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "# Warning: 'bases' is deprecated\n" });
  });

  test("ends with 2 and shows the tool's error if it fails", () => {
    const bin = program("kubectl", "echo 'error: no kustomization file' >&2; exit 1");
    expect(curfew(["explain", "-k", "."], [bin])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: "error: no kustomization file\ncurfew explain: cannot read .: kubectl kustomize failed\n",
    });
  });

  test("ends with 2 and says what to install if there's neither", () => {
    const { status, stdout, stderr } = curfew(["inject", "-k", "."], [join(folder, "tree")]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^curfew inject: -k needs kubectl \(https:\S+\) or kustomize \(https:\S+\) to be installed/);
  });

  test.each([
    [["-k", ".", "-f", "a.yaml"], "-k comes alone: leave out -f and other files"],
    [["-k", ".", "a.yaml"], "-k comes alone: leave out -f and other files"],
    [["-R", "-k", "."], "-k comes alone: leave out -R"],
  ])("isn't mixed with other input: %j", (args, message) => {
    expect(curfew(["explain", ...args])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: `curfew explain: ${message}\n`,
    });
  });
});

describe("-f URL", () => {
  test.each([
    ["https://example.com/job.yaml", "curl -fsSL https://example.com/job.yaml | curfew explain -f -"],
    [
      "http://example.com/a?b=c&d='e'",
      String.raw`curl -fsSL 'http://example.com/a?b=c&d='\''e'\''' | curfew explain -f -`,
    ],
  ])("is refused, with the line to use instead: %s", (url, line) => {
    const { status, stdout, stderr } = curfew(["explain", "-f", url]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    const reason = "it's a URL, and Curfew reads only what's on this machine";
    expect(stderr).toBe(`curfew explain: cannot read ${url}: ${reason}. Instead: ${line}\n`);
  });
});
