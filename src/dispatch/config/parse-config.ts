/**
 * The dispatcher's configuration file: YAML in, checked values out, all problems at once, each with
 * its path. Secrets are never in it: it names a file or an environment variable for each. They're
 * read here, so a missing one is a problem like any other.
 */
import { parseDocument } from "yaml";
import type { z } from "zod";
import { configSchema, type Outside } from "./schema.ts";
import type { DispatchConfig } from "./dispatch-config.ts";

export type ConfigResult =
  | { readonly kind: "config"; readonly config: DispatchConfig }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/**
 * Parses and checks the file's text. A problem reads `queues[0].name: …`, or is the YAML parser's
 * message.
 */
export function parseConfig(text: string, outside: Outside): ConfigResult {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) return { kind: "invalid", problems: document.errors.map((error) => error.message) };
  const parsed = configSchema(outside).safeParse(document.toJS() ?? {});
  return parsed.success
    ? { kind: "config", config: parsed.data }
    : { kind: "invalid", problems: parsed.error.issues.map((issue) => `${toPath(issue.path)}: ${issue.message}`) };
}

/** `queues[0].template.spec`, as in the file. */
function toPath(path: z.core.$ZodIssue["path"]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text === "" ? "the file" : text.replace(/^\./, "");
}
