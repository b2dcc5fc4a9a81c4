import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Option } from "commander";
import { expect, test } from "vitest";
import { CERTS_SETTINGS } from "../../../certs/settings.ts";
import { ADMISSION_SETTINGS } from "../../../src/admission/settings.ts";
import type { SettingsTable } from "../../../src/process/settings.ts";
import { DISPATCH_SETTINGS } from "../../../src/dispatch/settings.ts";
import { itemsOf, textUnder } from "../../support/markdown.ts";

const reference = readFileSync(join(import.meta.dirname, "../../../docs/reference.md"), "utf8");

const tables: [string, SettingsTable][] = [
  ["curfew admission", ADMISSION_SETTINGS],
  ["curfew dispatch", DISPATCH_SETTINGS],
  ["curfew certs", CERTS_SETTINGS],
];

test.each(tables)(
  "each setting of %s is called what commander makes of its flag, or the flag would be ignored",
  (_, settings) => {
    for (const [key, { flag }] of Object.entries(settings)) expect(new Option(flag).attributeName()).toBe(key);
  },
);

test.each(tables)("docs/reference.md describes each setting of %s as the code does", (heading, settings) => {
  const items = Object.values(settings).map(({ flag, env, fallback, optional, help }) => {
    const absent = optional === true ? "" : ", required";
    return `\`${flag}\` (\`${env}\`${fallback === undefined ? absent : `, default \`${fallback}\``}): ${help}`;
  });
  expect(itemsOf(textUnder(reference, heading))).toEqual(items);
});
