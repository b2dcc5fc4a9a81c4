/**
 * The configuration file's schema. Reading a secret or a template file is part of it, so that one that cannot be read is a problem with a
 * path like any other.
 */
import { parseDocument } from "yaml";
import { z } from "zod";
import type { DispatchConfig, JobTemplate, QueueConfig } from "./dispatch-config.ts";
import { DEFAULT_TEMPLATE } from "./default-template.ts";
import { messageOf } from "../../process/errors.ts";

/** How the outside is read; passed in, so that tests need neither files nor the environment. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @throws where there is no such file. */
  readonly readFile: (path: string) => string;
}

type Context = z.core.$RefinementCtx;

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be a DNS label: a-z, 0-9 and -, at most 63");
const uuid = z.uuid().transform((text) => text.toLowerCase());
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

const templateSource = { template: z.unknown().optional(), templateFile: z.string().min(1).optional() };
interface TemplateSource {
  readonly template?: unknown;
  readonly templateFile?: string | undefined;
}

const rawQueue = z.strictObject({
  name: z.string().min(1),
  id: uuid.optional(),
  default: z.boolean().default(false),
  mode: z.enum(["queue", "acquire"]).default("queue"),
  namespace: name.default("buildkite"),
  maxInFlight: z.int().positive().optional(),
  agentContainer: name.default("agent"),
  agentVersion: z.union([z.literal(3), z.literal(4)], { error: "must be 3 or 4" }).default(3),
  idleTimeoutSeconds: z.int().positive().default(50),
  cancelGraceSeconds: z.int().nonnegative().optional(),
  // Late duplicates must still find the Job's name taken.
  ttlSecondsAfterFinished: z.int().min(60).default(600),
  activeDeadlineSeconds: z.int().positive().default(21_600),
  maxAttempts: z.int().positive().default(5),
  retrySeconds: z.number().positive().max(300).default(5),
  reservationSeconds: z.int().min(1).max(3600).default(300),
  priorityClasses: z.array(z.strictObject({ minimum: z.int(), name: z.string().min(1) })).default([]),
  ...templateSource,
  templates: z.array(z.strictObject({ tags: strings, ...templateSource })).default([]),
});

/** @param outside how files and the environment are read */
export function configSchema(outside: Outside): z.ZodType<DispatchConfig> {
  const secret = z
    .union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })], {
      error: "must be { file: PATH } or { env: NAME }; a secret is never written here",
    })
    .transform((source, context): string => {
      const from = "file" in source ? source.file : `the environment variable ${source.env}`;
      const text = "file" in source ? read(source.file, context, []) : (outside.env[source.env] ?? "");
      const value = text?.trim();
      if (value === "") context.addIssue({ code: "custom", message: `${from} is empty or not set` });
      return value ?? "";
    });

  const queue = rawQueue.transform(({ template, templateFile, templates, ...rest }, context): QueueConfig => {
    const special = templates.map((one, index) => ({
      tags: one.tags,
      job: readTemplate(one, rest.agentContainer, ["templates", index], context),
    }));
    const general = { tags: {}, job: readTemplate({ template, templateFile }, rest.agentContainer, [], context) };
    const priorityClasses = rest.priorityClasses.toSorted((a, b) => b.minimum - a.minimum);
    return { ...rest, priorityClasses, templates: [...special, general] };
  });

  return z
    .strictObject({
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
          endpoint: z
            .url({ protocol: /^https?$/ })
            .default("https://agent.buildkite.com/v3")
            .transform((url) => url.replace(/\/+$/, "")),
          stackKey: name.default("curfew"),
          intervalSeconds: z.number().positive().max(300).default(10),
        })
        .optional(),
      queues: z.array(queue).min(1, "needs at least one queue"),
    })
    .superRefine(checkQueues)
    .transform(({ webhook, ...rest }): DispatchConfig => {
      const { requestBudgetSeconds, lateAfterSeconds, ...proof } = webhook;
      return { ...rest, webhook: proof, requestBudgetSeconds, lateAfterSeconds };
    });

  function read(path: string, context: Context, at: PropertyKey[]): string | undefined {
    try {
      return outside.readFile(path);
    } catch (error) {
      const why = messageOf(error);
      context.addIssue({ code: "custom", path: at, message: `cannot read ${path}: ${why}` });
      return undefined;
    }
  }

  /** The default template where there is none of its own, or a broken one, which is an issue then. */
  function readTemplate(
    source: TemplateSource,
    agent: string,
    path: (string | number)[],
    context: Context,
  ): JobTemplate {
    const issue = (message: string, at: readonly PropertyKey[] = []): void => {
      const field = source.templateFile === undefined ? "template" : "templateFile";
      context.addIssue({ code: "custom", path: [...path, field, ...at], message });
    };
    let job: unknown = source.template ?? DEFAULT_TEMPLATE;
    if (source.templateFile !== undefined) {
      if (source.template !== undefined) issue("give template or templateFile, not both");
      const text = read(source.templateFile, context, [...path, "templateFile"]);
      if (text === undefined) return DEFAULT_TEMPLATE;
      const document = parseDocument(text, { prettyErrors: true });
      for (const error of document.errors) issue(`${source.templateFile}: ${error.message}`);
      if (document.errors.length > 0) return DEFAULT_TEMPLATE;
      job = document.toJS() as unknown;
    }
    const parsed = jobTemplate.safeParse(job);
    if (!parsed.success) {
      for (const one of parsed.error.issues) issue(one.message, one.path);
      return DEFAULT_TEMPLATE;
    }
    const names = parsed.data.spec.template.spec.containers.map((one) => one.name);
    if (!names.includes(agent)) issue(`has no container named ${agent} (agentContainer), only ${names.join(", ")}`);
    return parsed.data;
  }
}

/** What no queue can say for itself. */
function checkQueues({ stacks, queues }: { stacks?: unknown; queues: readonly QueueConfig[] }, context: Context): void {
  const issue = (message: string, ...path: PropertyKey[]): void => {
    context.addIssue({ code: "custom", path: ["queues", ...path], message });
  };
  if (queues.filter((one) => one.default).length > 1) issue("only one may be the default");
  for (const [index, { name, mode, maxInFlight }] of queues.entries()) {
    if (queues.findIndex((other) => other.name === name) !== index)
      issue(`${JSON.stringify(name)} is there twice`, index, "name");
    if (stacks !== undefined) continue;
    if (mode === "acquire") issue("acquire needs `stacks` with an agent token", index, "mode");
    if (maxInFlight !== undefined)
      issue("needs `stacks`: without it nobody comes back to the jobs left over", index, "maxInFlight");
  }
}
