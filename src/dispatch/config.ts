/**
 * The dispatcher's configuration file: YAML in, checked values out, every problem at once with its path. Secrets are never in it: it
 * names a file or an environment variable for each, and they are read here, so that a missing one is a problem like any other.
 */
import { parseDocument } from "yaml";
import { z } from "zod";
import { DEFAULT_TEMPLATE } from "./default-template.ts";
import type { WebhookSecrets } from "./signature.ts";

/** A Job as an operator writes it: what Curfew needs of it is checked here, the rest is the API server's to judge. */
export interface JobTemplate {
  readonly metadata?: JobTemplateMeta | undefined;
  readonly spec: {
    readonly template: { readonly metadata?: JobTemplateMeta | undefined; readonly spec: PodSpec } & Readonly<
      Record<string, unknown>
    >;
  } & Readonly<Record<string, unknown>>;
}
interface JobTemplateMeta {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}
type PodSpec = { readonly containers: readonly Container[] } & Readonly<Record<string, unknown>>;
export type Container = { readonly name: string; readonly env?: readonly EnvVar[] | undefined } & Readonly<
  Record<string, unknown>
>;
type EnvVar = { readonly name: string } & Readonly<Record<string, unknown>>;

/** A template and the agent tags that it serves beyond the queue. */
export interface TaggedTemplate {
  readonly tags: Readonly<Record<string, string>>;
  readonly job: JobTemplate;
}

export interface QueueConfig {
  /** The queue's key, as in `agents: { queue: … }`. */
  readonly name: string;
  /** The cluster queue's UUID, where jobs are to be told apart by it. */
  readonly id?: string | undefined;
  /** Takes jobs that name no queue. */
  readonly default: boolean;
  readonly mode: "queue" | "acquire";
  readonly namespace: string;
  /** The most Jobs of this queue that are there unfinished; undefined: no limit but the cluster's. */
  readonly maxInFlight?: number | undefined;
  readonly agentContainer: string;
  readonly agentVersion: 3 | 4;
  readonly idleTimeoutSeconds: number;
  readonly cancelGraceSeconds?: number | undefined;
  readonly ttlSecondsAfterFinished: number;
  readonly activeDeadlineSeconds: number;
  /** How many Jobs a Buildkite job gets in acquire mode before it is failed with a reason. */
  readonly maxAttempts: number;
  /** Before a second Job for the same Buildkite job; doubled for each further one. */
  readonly retrySeconds: number;
  readonly reservationSeconds: number;
  /** Buildkite priority from which a PriorityClass is given, highest first. */
  readonly priorityClasses: readonly { readonly minimum: number; readonly name: string }[];
  /** In the order in which they are tried; the last one has no tags and serves the rest. */
  readonly templates: readonly TaggedTemplate[];
}

export interface DispatchConfig {
  readonly organization?: string | undefined;
  readonly cluster?: string | undefined;
  readonly webhook: WebhookSecrets;
  /** How long a delivery may take, retries included, before it is answered 503. */
  readonly requestBudgetSeconds: number;
  /** A delivery this long after its job began to wait is checked with Buildkite first. */
  readonly lateAfterSeconds: number;
  /** Undefined: webhooks only. */
  readonly stacks?: StacksConfig | undefined;
  readonly queues: readonly QueueConfig[];
}

export interface StacksConfig {
  readonly agentToken: string;
  readonly endpoint: string;
  readonly stackKey: string;
  readonly intervalSeconds: number;
}

export type ConfigResult =
  | { readonly kind: "config"; readonly config: DispatchConfig }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** How the outside is read; passed in, so that tests need neither files nor the environment. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @throws where there is no such file. */
  readonly readFile: (path: string) => string;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const name = z.string().regex(DNS_LABEL, "must be a DNS label: a-z, 0-9 and -, at most 63");
const uuid = z.uuid().transform((text) => text.toLowerCase());
const secret = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })], {
  error: "must be { file: PATH } or { env: NAME }; a secret is never written here",
});
const strings = z.record(z.string(), z.string());
const meta = z
  .looseObject({
    labels: strings.optional(),
    annotations: strings.optional(),
    name: z.never({ error: "is made from the Buildkite job's UUID: leave it out" }).optional(),
    generateName: z.never({ error: "is made from the Buildkite job's UUID: leave it out" }).optional(),
    namespace: z.never({ error: "is the queue's `namespace`: leave it out" }).optional(),
  })
  .optional();
const container = z.looseObject({ name: z.string(), env: z.array(z.looseObject({ name: z.string() })).optional() });
const jobTemplate = z.looseObject({
  apiVersion: z.literal("batch/v1").optional(),
  kind: z.literal("Job").optional(),
  metadata: meta,
  spec: z.looseObject({
    template: z.looseObject({ metadata: meta, spec: z.looseObject({ containers: z.array(container).min(1) }) }),
  }),
});
const templateSource = { template: z.unknown().optional(), templateFile: z.string().min(1).optional() };

const queue = z.strictObject({
  name: z.string().min(1),
  id: uuid.optional(),
  default: z.boolean().default(false),
  mode: z.enum(["queue", "acquire"]).default("queue"),
  namespace: name.default("buildkite"),
  maxInFlight: z.int().positive().optional(),
  agentContainer: name.default("agent"),
  agentVersion: z.union([z.literal(3), z.literal(4)]).default(3),
  idleTimeoutSeconds: z.int().positive().default(50),
  cancelGraceSeconds: z.int().nonnegative().optional(),
  ttlSecondsAfterFinished: z.int().min(60).default(600),
  activeDeadlineSeconds: z.int().positive().default(21_600),
  maxAttempts: z.int().positive().default(5),
  retrySeconds: z.number().positive().max(300).default(5),
  reservationSeconds: z.int().min(1).max(3600).default(300),
  priorityClasses: z.array(z.strictObject({ minimum: z.int(), name: z.string().min(1) })).default([]),
  ...templateSource,
  templates: z.array(z.strictObject({ tags: strings, ...templateSource })).default([]),
});

const file = z.strictObject({
  organization: z.string().min(1).optional(),
  cluster: uuid.optional(),
  webhook: z.strictObject({
    method: z.enum(["signature", "token"]).default("signature"),
    secrets: z.array(secret).min(1, "needs at least one secret"),
    requestBudgetSeconds: z.number().positive().max(60).default(8),
    lateAfterSeconds: z.number().positive().default(60),
  }),
  stacks: z
    .strictObject({
      agentToken: secret,
      endpoint: z.url({ protocol: /^https?$/ }).default("https://agent.buildkite.com/v3"),
      stackKey: name.default("curfew"),
      intervalSeconds: z.number().positive().max(300).default(10),
    })
    .optional(),
  queues: z.array(queue).min(1, "needs at least one queue"),
});

/** Parses and checks the file's text. */
export function parseConfig(text: string, outside: Outside): ConfigResult {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) return { kind: "invalid", problems: document.errors.map((error) => error.message) };
  const parsed = file.safeParse(document.toJS() ?? {});
  if (!parsed.success) return { kind: "invalid", problems: problemsOf(parsed.error) };

  const problems: string[] = [];
  const { webhook, stacks, organization, cluster } = parsed.data;
  const secrets = webhook.secrets.map((source, index) => readSecret(source, `webhook.secrets[${index}]`));
  const agentToken = stacks && readSecret(stacks.agentToken, "stacks.agentToken");
  const queues = parsed.data.queues.map((raw, index) => toQueue(raw, `queues[${index}]`));
  const defaults = queues.filter((one) => one.default);
  if (defaults.length > 1) problems.push("queues: only one may be the default");
  for (const [index, one] of queues.entries())
    if (queues.findIndex((other) => other.name === one.name) !== index)
      problems.push(`queues[${index}].name: ${JSON.stringify(one.name)} is there twice`);
  if (!stacks)
    for (const [index, one] of queues.entries()) {
      if (one.mode === "acquire") problems.push(`queues[${index}].mode: acquire needs \`stacks\` with an agent token`);
      if (one.maxInFlight !== undefined)
        problems.push(`queues[${index}].maxInFlight: needs \`stacks\`: without it nobody would run the jobs left over`);
    }
  if (problems.length > 0) return { kind: "invalid", problems };
  const config: DispatchConfig = {
    organization,
    cluster,
    webhook: { method: webhook.method, secrets },
    requestBudgetSeconds: webhook.requestBudgetSeconds,
    lateAfterSeconds: webhook.lateAfterSeconds,
    stacks: stacks && { ...stacks, endpoint: stacks.endpoint.replace(/\/+$/, ""), agentToken: agentToken ?? "" },
    queues,
  };
  return { kind: "config", config };

  function readSecret(source: z.infer<typeof secret>, path: string): string {
    const from = "file" in source ? source.file : `environment variable ${source.env}`;
    try {
      const value = ("file" in source ? outside.readFile(source.file) : (outside.env[source.env] ?? "")).trim();
      if (value === "") problems.push(`${path}: ${from} is empty or not set`);
      return value;
    } catch (error) {
      problems.push(`${path}: cannot read ${from}: ${error instanceof Error ? error.message : String(error)}`);
      return "";
    }
  }

  function toQueue(raw: z.infer<typeof queue>, path: string): QueueConfig {
    const { template, templateFile, templates, ...rest } = raw;
    const special = templates.map((one, index) => ({
      tags: one.tags,
      job: readTemplate(one, `${path}.templates[${index}]`, raw.agentContainer),
    }));
    const general = readTemplate({ template, templateFile }, path, raw.agentContainer);
    const priorityClasses = raw.priorityClasses.toSorted((a, b) => b.minimum - a.minimum);
    return { ...rest, priorityClasses, templates: [...special, { tags: {}, job: general }] };
  }

  function readTemplate(
    source: { template?: unknown; templateFile?: string | undefined },
    path: string,
    agentContainer: string,
  ): JobTemplate {
    let job: unknown = source.template ?? DEFAULT_TEMPLATE;
    let where = `${path}.template`;
    if (source.template !== undefined && source.templateFile !== undefined)
      problems.push(`${path}: give template or templateFile, not both`);
    if (source.templateFile !== undefined) {
      where = `${path}.templateFile (${source.templateFile})`;
      try {
        const read = parseDocument(outside.readFile(source.templateFile), { prettyErrors: true });
        problems.push(...read.errors.map((error) => `${where}: ${error.message}`));
        job = read.toJS();
      } catch (error) {
        problems.push(`${where}: cannot be read: ${error instanceof Error ? error.message : String(error)}`);
        return DEFAULT_TEMPLATE;
      }
    }
    const checked = jobTemplate.safeParse(job);
    if (!checked.success) {
      problems.push(...problemsOf(checked.error, where));
      return DEFAULT_TEMPLATE;
    }
    const names = checked.data.spec.template.spec.containers.map((one) => one.name);
    if (!names.includes(agentContainer))
      problems.push(
        `${where}: has no container named ${JSON.stringify(agentContainer)} (agentContainer); it has ${names.join(", ")}`,
      );
    return checked.data;
  }
}

/** One line for each issue: its path, then what is wrong. */
function problemsOf(error: z.ZodError, prefix?: string): string[] {
  return error.issues.map((issue) => {
    const path = issue.path.reduce<string>(
      (text, part) =>
        typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`,
      prefix ?? "",
    );
    return `${path === "" ? "the file" : path}: ${issue.message}`;
  });
}
