/** What's wrong with the shape of the configuration file, in plain words instead of zod's. */
import { z } from "zod";
import { nearest } from "../../injection/nearest.ts";

/** Makes the message of an issue. Undefined: zod's own words, which no issue of ours needs. */
export const plainWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.expected, issue.input);
    case "invalid_value":
      return issue.input === undefined ? "is required" : `must be ${issue.values.map(String).join(" or ")}`;
    case "too_small":
      if (issue.origin === "string") return "can't be empty";
      if (issue.origin === "array") return "needs at least one entry";
      return `must be ${issue.inclusive === true ? "at least" : "more than"} ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    case "invalid_format":
      return issue.format === "url"
        ? "must be a URL that starts with https:// or http://"
        : "must be a UUID, as in 01990000-0000-4000-8000-000000000000";
    case "invalid_key":
      return issue.issues[0]?.message;
    case "unrecognized_keys": {
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
      // A line for each key: zod has one issue for all of them.
      return issue.keys.map((key) => unknownSetting(key, known)).join("\n");
    }
    case "custom": // these have their own messages
    case "invalid_union":
    case "invalid_element": // the schema has none of these
    case "not_multiple_of":
      return undefined;
  }
};

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping (`key: value`)",
  record: "a mapping (`key: value`)",
};

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return "is required";
  const wanted = TYPES[expected] ?? expected;
  if (input === null) return `is empty: it must be ${wanted}`;
  if (expected === "int" && typeof input === "number") return `must be ${wanted}`;
  const quotes = expected === "string" && typeof input !== "object" ? ": put it in quotes" : "";
  return `must be ${wanted}, not ${nameOf(input)}${quotes}`;
}

function nameOf(input: unknown): string {
  if (typeof input === "boolean") return String(input);
  if (typeof input === "string") return "text";
  if (typeof input === "number") return "a number";
  return Array.isArray(input) ? "a list" : "a mapping";
}

function unknownSetting(key: string, known: readonly string[]): string {
  const spelled = known.find((one) => bare(one) === bare(key)) ?? nearest(key, known);
  return `isn't a setting here${spelled === undefined ? "" : `; did you mean \`${spelled}\`?`}`;
}

/** `max-in-flight` and `max_in_flight` are `maxInFlight`, too. */
function bare(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase();
}
