import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { archive, type ArchivedFile } from "../../../scripts/archive.ts";

const LONG = `${"folder/".repeat(20)}${"n".repeat(110)}`;
const FILES: readonly ArchivedFile[] = [
  { path: "package/bin/run", content: Buffer.from("#!/bin/sh\n"), executable: true },
  { path: "package/a block", content: Buffer.alloc(512, "b") },
  { path: "package/nothing", content: Buffer.alloc(0) },
  { path: LONG, content: Buffer.from("ünïcode") },
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-archive-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("tar unpacks an archive to what went in, with its modes and its time", async () => {
  writeFileSync(join(folder, "a.tgz"), await archive(FILES, 1_700_000_000));
  execFileSync("tar", ["-xzpf", "a.tgz"], { cwd: folder });
  for (const { path, content, executable } of FILES) {
    expect(readFileSync(join(folder, path)).equals(content)).toBe(true);
    expect(statSync(join(folder, path)).mode & 0o777).toBe(executable ? 0o755 : 0o644);
    expect(statSync(join(folder, path)).mtimeMs).toBe(1_700_000_000_000);
  }
});

test("an archive is the same whatever the order of its files", async () => {
  const [there, back] = await Promise.all([archive(FILES, 1), archive(FILES.toReversed(), 1)]);
  expect(there.equals(back)).toBe(true);
});
