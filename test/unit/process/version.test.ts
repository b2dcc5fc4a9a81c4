import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commitOf } from "../../../src/process/version.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-version-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const git = (...args: readonly string[]): string =>
  execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();

test("a checkout is known by its commit, whatever its tags, and says if it has changed since", () => {
  git("init");
  writeFileSync(join(folder, "a"), "1");
  git("add", "a");
  git("commit", "-m", "a");
  git("tag", "-a", "v9", "-m", "v9");
  const commit = git("rev-parse", "HEAD");
  expect(commitOf(folder)).toBe(commit);
  writeFileSync(join(folder, "a"), "2");
  expect(commitOf(folder)).toBe(`${commit}-dirty`);
});

test("a folder that isn't a checkout's root has no commit, even if it's inside one", () => {
  git("init");
  git("commit", "--allow-empty", "-m", "a");
  mkdirSync(join(folder, "inner"));
  expect(commitOf(join(folder, "inner"))).toBe("unknown");
});

test("without git's help, the commit is unknown", () => {
  mkdirSync(join(folder, ".git")); // git says that it's no repository
  expect(commitOf(folder)).toBe("unknown");
});
