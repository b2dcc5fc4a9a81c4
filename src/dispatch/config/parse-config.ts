/**
 * The dispatcher's configuration file: YAML in, checked values out, all problems at once, each with
 * its path. Secrets are never in it: it names a file or an environment variable for each. They're
 * read here, so a missing one is a problem like any other. Each check runs on whatever parts it can
 * read, so that one wrong field doesn't hide what's wrong with the others.
 */
import { checkQueues } from "./check-queues.ts";
import type { DispatchConfig, TaggedTemplate } from "./dispatch-config.ts";
import { readTemplate } from "./job-template.ts";
import { readSecret, type Outside } from "./read-outside.ts";
import { readYaml } from "./read-yaml.ts";
import {
  checkShape,
  fieldOf,
  fileSchema,
  itemsOf,
  queueSchema,
  readableFields,
  secretSource,
  stacksSchema,
  type FileShape,
  type Finding,
  type QueueShape,
} from "./schema.ts";

export type ConfigResult =
  | {
      readonly kind: "config";
      readonly config: DispatchConfig;
      /** What's allowed, but probably not meant. Each has its path. */
      readonly notes: readonly string[];
    }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** What was read from elsewhere, or as much of it as could be. */
interface Parts {
  readonly secrets: readonly string[];
  readonly agentToken: string;
  /** Of each queue. */
  readonly templates: readonly (readonly TaggedTemplate[])[];
}

/** Parses and checks the file's text. A problem reads `queues[0].name: …`, or `line 2, column 3: …`. */
export function parseConfig(text: string, outside: Outside): ConfigResult {
  const read = readYaml(text);
  if (read.value === undefined) return { kind: "invalid", problems: read.problems };
  const raw = read.value ?? {}; // an empty file
  const shape = checkShape(fileSchema, raw);
  const elsewhere = readParts(raw, outside);
  const queues = itemsOf(fieldOf(raw, "queues")).map((queue) => readableFields(queueSchema, queue));
  const together = checkQueues(queues, fieldOf(raw, "stacks") !== undefined);
  const found = inOrder([...shape.problems, ...elsewhere.problems, ...together], raw);
  const problems = [...read.problems, ...found.map(toText)];
  if (shape.value === undefined || problems.length > 0) return { kind: "invalid", problems };
  const notes = inOrder([...clearTextNotes(raw), ...elsewhere.notes], raw).map(toText);
  return { kind: "config", config: assemble(shape.value, elsewhere.parts), notes };
}

/** Reads all secrets and templates whose sources can be read. */
function readParts(
  raw: unknown,
  outside: Outside,
): { readonly parts: Parts; readonly problems: readonly Finding[]; readonly notes: readonly Finding[] } {
  const problems: Finding[] = [];
  const notes: Finding[] = [];
  const secretAt = (value: unknown, ...path: readonly PropertyKey[]): string => {
    const source = secretSource.safeParse(value);
    if (source.success && outside.skipSecrets) {
      const where = "file" in source.data ? source.data.file : `the environment variable ${source.data.env}`;
      notes.push({ path, message: `${where} isn't read` });
      return "";
    }
    const read = source.success ? readSecret(outside, source.data) : { text: "" };
    if ("text" in read) return read.text;
    problems.push({ path, message: read.problem });
    return "";
  };
  const secrets = itemsOf(fieldOf(fieldOf(raw, "webhook"), "secrets")).map((source, index) =>
    secretAt(source, "webhook", "secrets", index),
  );
  const agentToken = secretAt(fieldOf(fieldOf(raw, "stacks"), "agentToken"), "stacks", "agentToken");
  const templates = itemsOf(fieldOf(raw, "queues")).map((queue, queueIndex) => {
    const needs = readableFields(queueSchema, queue);
    const templateAt = (source: unknown, ...path: readonly PropertyKey[]): TaggedTemplate[] => {
      const found = readTemplate(source, needs, outside);
      const below = (one: Finding): Finding => ({ ...one, path: ["queues", queueIndex, ...path, ...one.path] });
      problems.push(...found.problems.map(below));
      notes.push(...found.notes.map(below));
      const tags = fieldOf(source, "tags") as TaggedTemplate["tags"] | undefined;
      return found.template ? [{ tags: path.length > 0 ? (tags ?? {}) : {}, job: found.template }] : [];
    };
    const special = itemsOf(fieldOf(queue, "templates")).flatMap((one, index) => templateAt(one, "templates", index));
    return [...special, ...templateAt(queue)];
  });
  return { parts: { secrets, agentToken, templates }, problems, notes };
}

/** The token is sent with every request. */
function clearTextNotes(raw: unknown): Finding[] {
  const { endpoint } = readableFields(stacksSchema, fieldOf(raw, "stacks"));
  if (fieldOf(raw, "stacks") === undefined || endpoint === undefined) return [];
  const { protocol, hostname } = new URL(endpoint);
  if (protocol === "https:" || /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) return [];
  return [
    { path: ["stacks", "endpoint"], message: "is http://, so the agent token travels in clear text: use https://" },
  ];
}

function assemble({ webhook, stacks, ...shape }: FileShape, { secrets, agentToken, templates }: Parts): DispatchConfig {
  const { method, requestBudgetSeconds, lateAfterSeconds } = webhook;
  return {
    ...shape,
    webhook: { method, secrets },
    requestBudgetSeconds,
    lateAfterSeconds,
    ...(stacks && { stacks: { ...stacks, agentToken } }),
    queues: shape.queues.map((queue, index) => ({
      ...withoutSource(queue),
      priorityClasses: queue.priorityClasses.toSorted((a, b) => b.minimum - a.minimum),
      templates: templates[index] ?? [],
    })),
  };
}

/** A queue without the source of its general template, which has been read. */
function withoutSource(queue: QueueShape): Omit<QueueShape, "template" | "templateFile"> {
  const rest = { ...queue };
  delete rest.template;
  delete rest.templateFile;
  return rest;
}

/** As their fields come in the file. Missing fields come last. */
function inOrder(findings: readonly Finding[], raw: unknown): Finding[] {
  const placeOf = ({ path }: Finding): number[] => {
    let value = raw;
    return path.map((part) => {
      const place = typeof part === "number" ? part : Object.keys(Object(value) as object).indexOf(String(part));
      value = typeof part === "number" ? itemsOf(value)[part] : fieldOf(value, String(part));
      return place < 0 ? Infinity : place;
    });
  };
  return findings
    .map((finding) => ({ finding, place: placeOf(finding) }))
    .toSorted((a, b) => {
      const at = a.place.findIndex((part, index) => part !== b.place[index]);
      return at < 0 ? a.place.length - b.place.length : (a.place[at] ?? 0) - (b.place[at] ?? -1);
    })
    .map(({ finding }) => finding);
}

/** `queues[0].template.spec: …`, as in the file. */
function toText({ path, message }: Finding): string {
  const text = path
    .map((part) => {
      if (typeof part === "number") return `[${part}]`;
      return /^\w+$/.test(String(part)) ? `.${String(part)}` : `[${JSON.stringify(part)}]`;
    })
    .join("");
  return `${text === "" ? "the file" : text.replace(/^\./, "")}: ${message}`;
}
