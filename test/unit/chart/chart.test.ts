/** What can be known of charts/curfew without Helm. test/cluster/api/chart.test.ts has the rest. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import packageJson from "../../../package.json" with { type: "json" };
import { listValues, readValues, staleFiles } from "../../../scripts/embed-chart.ts";

const chart = join(import.meta.dirname, "../../../charts/curfew");
const read = (file: string): string => readFileSync(join(chart, file), "utf8");

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
}

const values = readValues(read("values.yaml"));
const schema = JSON.parse(read("values.schema.json")) as Schema;
const templates = globSync("templates/**/*.*", { cwd: chart }).map(read).join("\n");

/** Paths that the schema knows, but not the fields of lists' items and of Kubernetes' own types. */
function pathsOf({ properties = {} }: Schema, parents: readonly string[] = []): readonly string[] {
  return Object.entries(properties).flatMap(([name, below]) => {
    const path = [...parents, name];
    return [path.join("."), ...pathsOf(below, path)];
  });
}

function schemaAt(path: readonly string[]): Schema | undefined {
  return path.reduce<Schema | undefined>((place, name) => place?.properties?.[name], schema);
}

test("what's generated is up to date", async () => {
  expect((await staleFiles()).map(([file]) => file)).toEqual([]);
});

test("the chart has the program's version", () => {
  expect(parse(read("Chart.yaml"))).toMatchObject({
    version: packageJson.version,
    appVersion: packageJson.version,
    kubeVersion: ">=1.30.0-0",
  });
});

describe("values.yaml and values.schema.json", () => {
  test("have the same values", () => {
    const known = pathsOf(schema).filter((path) => !/^dispatch\.config\.|\.issuerRef\.|\.claims$/.test(path));
    expect(values.map(({ path }) => path.join(".")).toSorted()).toEqual(known.toSorted());
  });

  test.each(values.map((value) => ({ name: value.path.join("."), ...value })))(
    "say in a sentence what $name is",
    ({ path, description }) => {
      expect(description).toMatch(/^[^ ].*[.:]$/);
      expect(schemaAt(path)?.description).toBe(description);
    },
  );

  test.each(values.filter(({ isSection }) => isSection).map(({ path }) => ({ name: path.join("."), path })))(
    "accept no value in $name that the chart doesn't know",
    ({ path }) => {
      const { additionalProperties } = schemaAt(path) ?? {};
      // What Kubernetes defines: its fields are checked by the API server.
      const open = ["podSecurityContext", "seccompProfile", "requests", "limits", "labels"];
      if (!open.includes(path.at(-1) ?? "")) expect(additionalProperties).toBe(false);
    },
  );

  test("the schema is closed at the top", () => {
    expect(schema.additionalProperties).toBe(false);
  });
});

test("every value has an effect", () => {
  const own = values.filter(({ path }) => path.length <= 2 && path[0] !== "podSecurityContext");
  const without = own.filter(({ path }) => !templates.includes(path.at(-1) ?? ""));
  expect(without.map(({ path }) => path.join("."))).toEqual(["global"]);
});

test("the list of values names each one, with its default", () => {
  const list = listValues(values);
  expect(list).toContain("- `admission.replicas` (default `2`): ");
  for (const { path, isSection } of values) if (!isSection) expect(list).toContain(`- \`${path.join(".")}\` (default `);
});
