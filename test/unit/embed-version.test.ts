import { describe, expect, test } from "vitest";
import { withVersion } from "../../scripts/embed-version.ts";

describe("npm run embed writes package.json's version", () => {
  test.each([
    ["an image's tag in a kustomization", "  - { name: curfew, newTag: 0.1.0 }", "  - { name: curfew, newTag: 2.0.0 }"],
    ["the label", "  app.kubernetes.io/version: 0.1.0\n", "  app.kubernetes.io/version: 2.0.0\n"],
    ["the chart's versions", 'version: 0.1.0\nappVersion: "0.1.0"\n', 'version: 2.0.0\nappVersion: "2.0.0"\n'],
    ["the image's label", "org.opencontainers.image.version=0.1.0 \\", "org.opencontainers.image.version=2.0.0 \\"],
    ["the lock file", '"name": "curfew",\n      "version": "0.1.0",', '"name": "curfew",\n      "version": "2.0.0",'],
    ["an image in the docs", "`registry.example/curfew:0.1.0`.", "`registry.example/curfew:2.0.0`."],
    ["a reference of git's", "//manifests/default?ref=v0.1.0]", "//manifests/default?ref=v2.0.0]"],
    ["what follows a pre-release", "docker push curfew:0.1.0-rc.1.", "docker push curfew:2.0.0."],
  ])("to %s", (_, text, wanted) => {
    expect(withVersion(text, "2.0.0")).toBe(wanted);
  });

  test.each([
    ["of another package", '"name": "commander",\n      "version": "15.1.0",'],
    ["of another image", "images: [{ name: redis, newName: redis:7.2.0 }]"],
    ["that only sounds like it", "apiVersion: v1\nminVersion: 0.1.0\nnot-curfewed:0.1.0"],
  ])("but to no version %s", (_, text) => {
    expect(withVersion(text, "2.0.0")).toBe(text);
  });
});
