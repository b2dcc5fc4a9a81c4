import { beforeAll, expect, test, vi } from "vitest";
import type { Metafile, OutputFile } from "esbuild";
import { bundle, licences, loadedWith, packagesOf } from "../../scripts/bundle.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

let metafile: Metafile;
let files: readonly OutputFile[] = [];
beforeAll(async () => {
  vi.stubEnv("CURFEW_COMMIT", COMMIT);
  ({ metafile, outputFiles: files = [] } = await bundle(false));
  vi.unstubAllEnvs();
}, 60_000);

test("curfew admission loads no Kubernetes client and no express", () => {
  const packages = packagesOf(loadedWith("src/admission/command.ts", metafile));
  expect(packages).toContain("pino");
  expect(packages.filter((name) => name.startsWith("@kubernetes/") || name === "express")).toEqual([]);
});

test("curfew dispatch loads the Kubernetes client's configuration, but none of its thousand models", () => {
  const loaded = [...loadedWith("src/dispatch/command.ts", metafile)];
  expect(packagesOf(loaded)).toContain("@kubernetes/client-node");
  expect(loaded.filter((path) => path.includes("/gen/models/V1"))).toEqual([]);
});

test("the bundle says which commit it was built from, in a chunk that curfew admission doesn't load", () => {
  expect(files.filter(({ text }) => text.includes(COMMIT))).toHaveLength(1);
  expect(loadedWith("src/admission/command.ts", metafile)).not.toContain("src/process/version.ts");
  expect(loadedWith("src/cli.ts", metafile)).not.toContain("src/process/version.ts");
});

// esbuild gives a CommonJS package only a default export then, which Node and the types don't show.
test("no package is imported dynamically", () => {
  const entries = Object.values(metafile.outputs).map(({ entryPoint = "" }) => entryPoint);
  expect(entries).toContain("src/planner/yaml.ts");
  expect(entries.filter((path) => path.includes("node_modules/"))).toEqual([]);
});

test("curfew --help loads only commander", () => {
  expect(packagesOf(loadedWith("src/cli.ts", metafile))).toEqual(["commander"]);
});

test("the bundle has no code from tests, benches or scripts", () => {
  expect(Object.keys(metafile.inputs).filter((path) => /^(test|bench|scripts)\//.test(path))).toEqual([]);
});

test("every bundled package's licence is listed", async () => {
  const text = await licences(metafile);
  for (const name of packagesOf(Object.keys(metafile.inputs))) expect(text).toMatch(new RegExp(`^${name} \\d`, "m"));
});
