import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadKnownImages } from "../../../src/planner/settings.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-settings-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(text: string): ReturnType<typeof loadKnownImages> {
  const path = join(folder, "images");
  writeFileSync(path, text);
  return loadKnownImages(path);
}

test.each([
  ["YAML", "- image: corp/logs\n  shell: false\n  role: sidecar\n"],
  ["JSON", '[{"image":"corp/logs","shell":false,"role":"sidecar"}]'],
])("an operator's rows can be %s", async (_, text) => {
  expect(await load(text)).toEqual({ value: [{ image: "corp/logs", shell: false, role: "sidecar" }] });
});

test.each([
  ["not YAML", "- [", /images: /],
  ["not a list", "image: corp/logs", /images: .*must be a list/],
  ["a list with an invalid row", "- image: corp/logs\n  shell: bash\n", /images: \/0\/shell must be an absolute path/],
  ["empty", "", /images: .*must be a list/],
])("a file that's %s causes a problem that names the file and the place", async (_, text, problem) => {
  expect(await load(text)).toEqual({ problems: [expect.stringMatching(problem) as string] });
});

test("a missing file causes a problem that names it", async () => {
  expect(await loadKnownImages(join(folder, "none"))).toEqual({
    problems: [expect.stringMatching(/none: ENOENT/) as string],
  });
});
