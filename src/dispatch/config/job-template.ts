/** A queue's templates: where they come from, and what must be in them. */
import { z } from "zod";
import { defaultTemplate } from "./default-template.ts";
import type { JobTemplate } from "./dispatch-config.ts";
import { readFile, type Outside } from "./read-outside.ts";
import { readYaml } from "./read-yaml.ts";
import { checkShape, fieldOf, itemsOf, type Finding, type QueueShape } from "./schema.ts";

/** What a queue says about all of its templates. Undefined if it can't be read. */
export type TemplateNeeds = Partial<Pick<QueueShape, "agentContainer" | "agentVersion" | "mode">>;

export interface ReadTemplate {
  readonly template?: JobTemplate;
  /** Their paths begin at the source. */
  readonly problems: readonly Finding[];
  readonly notes: readonly Finding[];
}

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
// Unquoted, `off` and `8080` aren't text, and the API server would refuse each Job.
const words = z.array(z.string()).nullish();
const envVar = z.looseObject({ name: z.string(), value: z.string().nullish() });
const container = z.looseObject({
  name: z.string(),
  command: words,
  args: words,
  env: z.array(envVar).optional(),
});
const jobTemplate = z.looseObject({
  apiVersion: z.literal("batch/v1").optional(),
  kind: z.literal("Job").optional(),
  metadata: jobMeta,
  spec: z.looseObject({
    template: z.looseObject({ metadata: meta, spec: z.looseObject({ containers: z.array(container).min(1) }) }),
  }),
});

/** Late duplicates of a webhook must find that the Job's name is still taken. */
const MIN_TTL_SECONDS = 60;

/**
 * Reads and checks the template of a source, which has a `template`, a `templateFile`, or neither.
 */
export function readTemplate(source: unknown, needs: TemplateNeeds, outside: Outside): ReadTemplate {
  const inline = fieldOf(source, "template") ?? undefined; // YAML's empty value is null
  const file = fieldOf(source, "templateFile");
  if (inline !== undefined && file !== undefined)
    return found("template", [{ path: [], message: "give template or templateFile, not both" }]);
  if (file === undefined)
    return inline === undefined
      ? { template: defaultTemplate(needs.agentVersion ?? 3), problems: [], notes: [] }
      : checkTemplate("template", inline, needs);
  // A path that isn't text is a problem of the shape.
  if (typeof file !== "string" || file === "") return { problems: [], notes: [] };
  const read = readFile(outside, file);
  if ("problem" in read) return found("templateFile", [{ path: [], message: read.problem }]);
  const { value, problems } = readYaml(read.text);
  const broken = problems.map((problem) => ({ path: [], message: `${file}: ${problem}` }));
  if (value === undefined) return found("templateFile", broken);
  const checked = checkTemplate("templateFile", value, needs);
  return { ...checked, problems: [...found("templateFile", broken).problems, ...checked.problems] };
}

function checkTemplate(field: string, raw: unknown, needs: TemplateNeeds): ReadTemplate {
  const { agentContainer, agentVersion, mode } = needs;
  const { value, problems } = checkShape(jobTemplate, raw);
  const spec = fieldOf(raw, "spec");
  const containers = itemsOf(fieldOf(fieldOf(fieldOf(spec, "template"), "spec"), "containers"));
  const names = containers.map((one) => fieldOf(one, "name"));
  const agent = containers.find((one) => fieldOf(one, "name") === agentContainer);
  const isAgentMissing =
    agentContainer !== undefined &&
    agent === undefined &&
    names.length > 0 &&
    names.every((name) => typeof name === "string");
  const missing = `has no container named ${agentContainer ?? ""} (agentContainer), only ${names.join(", ")}`;
  return found(
    field,
    isAgentMissing ? [...problems, { path: [], message: missing }] : problems,
    [...ttlNotes(spec), ...versionNotes(agent, agentVersion), ...restartNotes(spec, mode)],
    value,
  );
}

function ttlNotes(spec: unknown): Finding[] {
  const ttl = fieldOf(spec, "ttlSecondsAfterFinished");
  if (typeof ttl !== "number" || ttl >= MIN_TTL_SECONDS) return [];
  const message = `is ${ttl}, so a late duplicate of a webhook may start a second Job for a build that has ended: set it to at least ${MIN_TTL_SECONDS}`;
  return [{ path: ["spec", "ttlSecondsAfterFinished"], message }];
}

function versionNotes(agent: unknown, agentVersion: number | undefined): Finding[] {
  const image = fieldOf(agent, "image");
  const [, major] = typeof image === "string" ? (/(?:^|\/)buildkite\/agent:v?(\d+)\b/.exec(image) ?? []) : [];
  if (major === undefined || agentVersion === undefined || Number(major) === agentVersion) return [];
  const message = `has an agent of version ${major}, but the queue's agentVersion is ${agentVersion}: set it to ${major}, or cancelGraceSeconds has no effect`;
  return [{ path: [], message }];
}

/** The Secret with an agent's token is deleted when the agent has started. */
function restartNotes(spec: unknown, mode: TemplateNeeds["mode"]): Finding[] {
  const policy = fieldOf(fieldOf(fieldOf(spec, "template"), "spec"), "restartPolicy");
  if (mode !== "acquire" || policy !== "OnFailure") return [];
  const message =
    "is OnFailure, but in acquire mode kubelet can't start an agent twice, as its token is gone: make it Never";
  return [{ path: ["spec", "template", "spec", "restartPolicy"], message }];
}

/** Findings about the template, with paths that begin at its source. */
function found(
  field: string,
  problems: readonly Finding[],
  notes: readonly Finding[] = [],
  template?: JobTemplate,
): ReadTemplate {
  const below = ({ path, message }: Finding): Finding => ({ path: [field, ...path], message });
  return { ...(template && { template }), problems: problems.map(below), notes: notes.map(below) };
}
