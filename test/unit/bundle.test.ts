import { beforeAll, expect, test } from "vitest";
import type { Metafile } from "esbuild";
import { bundle, licences, loadedWith, packagesOf } from "../../scripts/bundle.ts";

let metafile: Metafile;
beforeAll(async () => {
  ({ metafile } = await bundle(false));
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
