import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createAdmissionMetrics } from "../../../src/admission/metrics.ts";
import { ADMISSION_SETTINGS } from "../../../src/admission/settings.ts";
import type { Setting } from "../../../src/process/settings.ts";
import { createRegistry } from "../../../src/process/metrics.ts";

const docs = readFileSync(new URL("../../../docs/admission-server.md", import.meta.url), "utf8");
const rows = docs.split("\n").map((line) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("`", "")),
);

test("docs/admission-server.md has every setting with its variable and default, and no other", () => {
  const documented = rows.filter(([flag]) => /^--[a-z]/.test(flag ?? "")).map((cells) => cells.slice(0, 3));
  const absent = { host: "every address", knownImages: "none" } as const;
  expect(documented).toEqual(
    Object.entries<Setting<unknown>>(ADMISSION_SETTINGS).map(([key, { flag, env, fallback }]) => [
      flag.split(" ")[0],
      env,
      fallback ?? absent[key as keyof typeof absent],
    ]),
  );
});

test("docs/admission-server.md has every metric with its labels, and no other", async () => {
  const registry = createRegistry();
  createAdmissionMetrics(registry);
  const documented = rows
    .filter(([name]) => /^(curfew|process)_/.test(name ?? ""))
    .map(([name, labels]) => [name, labels]);
  const metrics = registry.getMetricsAsArray() as unknown as { name: string; labelNames?: string[] }[];
  const actual = metrics.map(({ name, labelNames }) => [name, (labelNames ?? []).join(", ")]);
  expect(documented.toSorted()).toEqual(actual.toSorted());
  expect(await registry.metrics()).not.toBe("");
});
