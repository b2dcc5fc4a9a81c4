import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import packageJson from "../../../package.json" with { type: "json" };
import { krewManifest } from "../../../scripts/krew.ts";

const uri = "https://example.com/v1.2.3/curfew-npm-1.2.3.tgz";
const sha256 = "0123456789abcdef".repeat(4);
const { metadata, spec } = parse(krewManifest({ version: "1.2.3", uri, sha256 })) as {
  metadata: { name: string };
  spec: {
    version: string;
    shortDescription: string;
    caveats: string;
    platforms: { uri: string; sha256: string; files: { from: string; to: string }[]; bin: string }[];
  };
};

test("krew's manifest has the version, and where the package is, with its sum", () => {
  expect(metadata.name).toBe("curfew");
  expect(spec.version).toBe("v1.2.3");
  expect(spec.platforms).toMatchObject([{ uri, sha256 }]);
});

test("krew runs what the package installs as kubectl-curfew", () => {
  const [platform] = spec.platforms;
  expect(platform?.files).toEqual([{ from: "package/*", to: "." }]);
  expect(platform?.bin).toBe(packageJson.bin["kubectl-curfew"]);
  expect(existsSync(join(import.meta.dirname, "../../..", platform?.bin ?? ""))).toBe(true);
});

test("krew says which Node the plugin needs, as package.json has it", () => {
  expect(packageJson.engines.node).toBe(">=24");
  expect(spec.caveats).toContain("needs Node 24 or later");
});

test("krew's short description fits its list, and is no sentence", () => {
  expect(spec.shortDescription.length).toBeLessThanOrEqual(50);
  expect(spec.shortDescription).not.toMatch(/\.$/);
});
