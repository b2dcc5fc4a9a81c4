/** A queue's templates: where they come from, and what must be in them. */
import { parseDocument } from "yaml";
import { z } from "zod";
import { DEFAULT_TEMPLATE } from "./default-template.ts";
import type { JobTemplate } from "./dispatch-config.ts";

/** Where a template is, in the configuration file's words: right there, or in a file of its own. */
export interface TemplateSource {
  readonly template?: unknown;
  readonly templateFile?: string | undefined;
}

export const templateSource = { template: z.unknown().optional(), templateFile: z.string().min(1).optional() };

/** Reports a problem at a path below the source. */
export type Report = (message: string, at: readonly PropertyKey[]) => void;

/** Reads a file's text. If it can't, it tells `report` why and returns undefined. */
export type ReadFile = (path: string, report: (message: string) => void) => string | undefined;

const strings = z.record(z.string(), z.string());
const madeUp = z.never({ error: "is made from the Buildkite job's UUID: leave it out" }).optional();
const meta = z.looseObject({ labels: strings.optional(), annotations: strings.optional() }).optional();
const jobMeta = z
  .looseObject({
    labels: strings.optional(),
    annotations: strings.optional(),
    name: madeUp,
    generateName: madeUp,
    namespace: z.never({ error: "is the queue's `namespace`: leave it out" }).optional(),
  })
  .optional();
const container = z.looseObject({ name: z.string(), env: z.array(z.looseObject({ name: z.string() })).optional() });
const jobTemplate = z.looseObject({
  apiVersion: z.literal("batch/v1").optional(),
  kind: z.literal("Job").optional(),
  metadata: jobMeta,
  spec: z.looseObject({
    template: z.looseObject({ metadata: meta, spec: z.looseObject({ containers: z.array(container).min(1) }) }),
  }),
});

/**
 * The template of a source. If the source has none, or a broken one, which is reported, it's the
 * default template.
 * @param agentContainer the container that it must have
 */
export function readTemplate(
  source: TemplateSource,
  agentContainer: string,
  readFile: ReadFile,
  report: Report,
): JobTemplate {
  const field = source.templateFile === undefined ? "template" : "templateFile";
  if (source.template !== undefined && source.templateFile !== undefined)
    report("give template or templateFile, not both", [field]);
  const raw =
    source.templateFile === undefined
      ? (source.template ?? undefined) // YAML's empty value is null
      : parseFile(source.templateFile, readFile, report);
  if (raw === undefined) return DEFAULT_TEMPLATE;
  const parsed = jobTemplate.safeParse(raw);
  if (!parsed.success) {
    for (const { message, path } of parsed.error.issues) report(message, [field, ...path]);
    return DEFAULT_TEMPLATE;
  }
  const names = parsed.data.spec.template.spec.containers.map(({ name }) => name);
  if (!names.includes(agentContainer))
    report(`has no container named ${agentContainer} (agentContainer), only ${names.join(", ")}`, [field]);
  return parsed.data;
}

/** Undefined if there's a problem with the file, which is reported. */
function parseFile(path: string, readFile: ReadFile, report: Report): unknown {
  const text = readFile(path, (message) => {
    report(message, ["templateFile"]);
  });
  if (text === undefined) return undefined;
  const document = parseDocument(text, { prettyErrors: true });
  for (const error of document.errors) report(`${path}: ${error.message}`, ["templateFile"]);
  return document.errors.length > 0 ? undefined : (document.toJS() as unknown);
}
