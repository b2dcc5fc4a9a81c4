/** `npm run release`, with the real kubectl and Helm. It needs no API server. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { findVersion } from "../../../src/process/version.ts";
import { CHART, helmOutput, HELMS } from "../support/helm.ts";
import { kubectlOutput } from "../support/kubectl.ts";

const run = promisify(execFile);
const root = path.join(import.meta.dirname, "../../..");
const { version } = packageJson;
const REPOSITORY = "registry.example:5000/team/curfew";
const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const RELEASE = `npm run --silent release -- --image ${REPOSITORY} --digest ${DIGEST}`;

/** Copies the checkout to $1, as another person would have it: new files, readable for them only. */
const COPY = `set -e
umask 077
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read |
  tar --extract --touch --no-same-permissions --directory "$1"
cp -R .git "$1/.git"
cp -al node_modules "$1/node_modules" 2>/dev/null || cp -a node_modules "$1/"`;

let folder: string;
const here = path.join(root, "release");
const released = (name: string): string => path.join(here, name);

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "curfew-release-"));
  await run("sh", ["-c", RELEASE], { cwd: root });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("npm run release", () => {
  it("writes the same bytes in another folder, for another user, at another time", async () => {
    const copy = mkdtempSync(path.join(folder, "elsewhere-"));
    await run("sh", ["-c", COPY, "sh", copy], { cwd: root });
    await run("sh", ["-c", `umask 077; ${RELEASE}`], {
      cwd: copy,
      env: { ...process.env, TZ: "Asia/Tokyo", LANG: "C" },
    });
    for (const name of readdirSync(here)) {
      expect(readFileSync(path.join(copy, "release", name)).equals(readFileSync(released(name))), name).toBe(true);
    }
    expect(readdirSync(path.join(copy, "release"))).toEqual(readdirSync(here));
  });

  it("writes sums that sha256sum agrees with, of all its files", async () => {
    const { stdout } = await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: here });
    const files = readdirSync(here).filter((name) => name !== "SHA256SUMS");
    expect(stdout).toBe(files.map((name) => `${name}: OK\n`).join(""));
  });

  it("writes manifests/default to install.yaml, with the image by its digest", async () => {
    const wanted = await kubectlOutput(["kustomize", path.join(root, "manifests/default")]);
    const [comment, ...lines] = readFileSync(released("install.yaml"), "utf8").split("\n");
    expect(comment).toContain(`# Curfew ${version}, commit ${findVersion().commit}`);
    expect(lines.join("\n")).toBe(wanted.replaceAll(`image: curfew:${version}`, `image: ${REPOSITORY}@${DIGEST}`));
    expect(lines.join("\n")).toContain(DIGEST);
  });

  it("packs the npm package, whose program says the version and the commit", async () => {
    await run("tar", ["-xzf", released(`curfew-npm-${version}.tgz`)], { cwd: folder });
    const program = path.join(folder, "package/bin/curfew.js");
    const { stdout } = await run(process.execPath, [program, "version", "-o", "json"]);
    expect(JSON.parse(stdout)).toEqual({ schemaVersion: 1, ...findVersion() });
  });
});

describe.each(HELMS)("the released chart, with Helm %i", (major) => {
  const chart = released(`curfew-chart-${version}.tgz`);
  const template = (from: string, values?: object): Promise<string> =>
    helmOutput(major, ["template", "curfew", from, "--namespace", "curfew-system"], values);

  it("installs the image by its digest, and is otherwise the checkout's", async () => {
    const image = { repository: REPOSITORY, digest: DIGEST };
    const [theirs, ours] = await Promise.all([template(chart), template(CHART, { image })]);
    expect(theirs).toBe(ours);
    expect(theirs).toContain(`image: ${REPOSITORY}@${DIGEST}`);
  });

  it("has the files that Helm itself packs", async () => {
    const theirs = mkdtempSync(path.join(folder, "helm-"));
    await helmOutput(major, ["package", CHART, "--destination", theirs]);
    const listed = async (archive: string): Promise<string[]> =>
      (await run("tar", ["-tzf", archive])).stdout.trim().split("\n").sort();
    expect(await listed(chart)).toEqual(await listed(path.join(theirs, `curfew-${version}.tgz`)));
  });
});
