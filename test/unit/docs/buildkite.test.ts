/** Compares the fields of the dispatcher's configuration in docs/buildkite-configuration.md with its schema. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { fileSchema } from "../../../src/dispatch/config/schema.ts";
import { codeIn, itemsOf, textUnder } from "../../support/markdown.ts";

interface ObjectSchema {
  readonly properties: Readonly<Record<string, ObjectSchema>>;
  readonly items?: ObjectSchema;
  readonly required?: readonly string[];
  readonly default?: unknown;
}

const docs = readFileSync(join(import.meta.dirname, "../../../docs/buildkite-configuration.md"), "utf8");
const schema = z.toJSONSchema(fileSchema, {
  io: "input",
  unrepresentable: "any",
}) as unknown as ObjectSchema;
const { webhook, stacks, queues, ...others } = schema.properties;

/** Each field under a heading, with what the page says after "Default:", or "required". */
function documented(heading: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    itemsOf(textUnder(docs, heading)).flatMap((item) => {
      const [names = "", ...text] = item.split(":");
      const [, defaults = /Required\b/.test(item) ? "required" : ""] = /Defaults?: (.*)\.$/.exec(text.join(":")) ?? [];
      const each = defaults.split(" and ");
      return codeIn(names).map((name, index) => [name, (each[index] ?? defaults).replaceAll("`", "")]);
    }),
  );
}

test.each<[string, ObjectSchema["properties"], readonly string[]]>([
  ["Which jobs", others, []],
  ["`webhook`", webhook?.properties ?? {}, webhook?.required ?? []],
  ["`stacks`", stacks?.properties ?? {}, stacks?.required ?? []],
  ["`queues[]`", queues?.items?.properties ?? {}, queues?.items?.required ?? []],
])(
  "docs/buildkite-configuration.md has exactly the fields of %s, with their defaults",
  (heading, properties, required) => {
    const fields = documented(heading);
    expect(Object.keys(fields).toSorted()).toEqual(Object.keys(properties).toSorted());
    for (const [field, { default: value }] of Object.entries(properties)) {
      const text = fields[field];
      if (required.includes(field)) expect(text, field).toBe("required");
      else if (field === "endpoint") expect(text, field).toBe("Buildkite's");
      else if (value === undefined || Array.isArray(value)) expect(text, field).not.toMatch(/^(?:required)?$/);
      else expect(text, field).toBe(typeof value === "string" ? value : JSON.stringify(value));
    }
  },
);
