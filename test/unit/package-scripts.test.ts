/** package.json's scripts: those that CI runs late must not fail for a file that was moved. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

const root = join(import.meta.dirname, "../..");

test.each(Object.entries(packageJson.scripts))("the files that `npm run %s` names exist", (_, script) => {
  const files = script.match(/[\w./-]+\.(?:ts|js)\b/g) ?? [];
  for (const file of files) expect(existsSync(join(root, file)), file).toBe(true);
});
