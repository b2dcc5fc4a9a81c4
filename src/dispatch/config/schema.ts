/**
 * The configuration file's schema. It also reads secrets and template files, so if one can't be
 * read, that's a problem with a path like any other.
 */
import { z } from "zod";
import { messageOf } from "../../process/errors.ts";
import type { DispatchConfig, QueueConfig } from "./dispatch-config.ts";
import { readTemplate, templateSource, type ReadFile, type TemplateSource } from "./job-template.ts";

/** How files and the environment are read. Passed in, so that tests need neither. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @throws if there's no such file. */
  readonly readFile: (path: string) => string;
}

type Context = z.core.$RefinementCtx;

const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be a DNS label: a-z, 0-9 and -, at most 63 characters");
const uuid = z.uuid().transform((text) => text.toLowerCase());

const rawQueue = z.strictObject({
  name: z.string().min(1),
  id: uuid.optional(),
  default: z.boolean().default(false),
  mode: z.enum(["queue", "acquire"]).default("queue"),
  namespace: dnsLabel.default("buildkite"),
  maxInFlight: z.int().positive().optional(),
  agentContainer: dnsLabel.default("agent"),
  agentVersion: z.union([z.literal(3), z.literal(4)], { error: "must be 3 or 4" }).default(3),
  idleTimeoutSeconds: z.int().positive().default(50),
  cancelGraceSeconds: z.int().nonnegative().optional(),
  // Late duplicates must find that the Job's name is still taken.
  ttlSecondsAfterFinished: z.int().min(60).default(600),
  activeDeadlineSeconds: z.int().positive().default(21_600),
  maxAttempts: z.int().positive().default(5),
  pendingTimeoutSeconds: z.int().min(60).default(900),
  retrySeconds: z.number().positive().max(300).default(5),
  reservationSeconds: z.int().min(1).max(3600).default(300),
  priorityClasses: z.array(z.strictObject({ minimum: z.int(), name: z.string().min(1) })).default([]),
  ...templateSource,
  templates: z.array(z.strictObject({ tags: z.record(z.string(), z.string()), ...templateSource })).default([]),
});

/** Makes the schema. @param outside how files and the environment are read. */
export function configSchema(outside: Outside): z.ZodType<DispatchConfig> {
  const readFile = readerOf(outside);
  const secret = secretSchema(outside, readFile);
  return z
    .strictObject({
      organization: z.string().min(1).optional(),
      cluster: uuid.optional(),
      webhook: webhookSchema(secret),
      stacks: stacksSchema(secret).optional(),
      queues: z.array(queueSchema(readFile)).min(1, "needs at least one queue"),
    })
    .superRefine(checkQueues)
    .transform(({ webhook, ...rest }): DispatchConfig => {
      const { requestBudgetSeconds, lateAfterSeconds, ...proof } = webhook;
      return { ...rest, webhook: proof, requestBudgetSeconds, lateAfterSeconds };
    });
}

function webhookSchema<S extends z.ZodType<string>>(secret: S) {
  return z.strictObject({
    method: z.enum(["signature", "token"]).default("signature"),
    secrets: z.array(secret).min(1, "needs at least one secret"),
    requestBudgetSeconds: z.number().positive().max(60).default(8),
    lateAfterSeconds: z.number().positive().default(60),
  });
}

function stacksSchema<S extends z.ZodType<string>>(secret: S) {
  return z.strictObject({
    agentToken: secret,
    endpoint: z
      .url({ protocol: /^https?$/ })
      .default("https://agent.buildkite.com/v3")
      .transform((url) => url.replace(/\/+$/, "")),
    stackKey: dnsLabel.default("curfew"),
    intervalSeconds: z.number().positive().max(300).default(10),
  });
}

function queueSchema(readFile: ReadFile) {
  return rawQueue.transform(({ template, templateFile, templates, ...rest }, context): QueueConfig => {
    const read = (source: TemplateSource, ...at: readonly PropertyKey[]) =>
      readTemplate(source, rest.agentContainer, readFile, (message, below) => {
        context.addIssue({ code: "custom", message, path: [...at, ...below] });
      });
    const special = templates.map((one, index) => ({ tags: one.tags, job: read(one, "templates", index) }));
    const general = { tags: {}, job: read({ template, templateFile }) };
    const priorityClasses = rest.priorityClasses.toSorted((a, b) => b.minimum - a.minimum);
    return { ...rest, priorityClasses, templates: [...special, general] };
  });
}

/** A secret is never in the configuration file, which only says where it is. */
function secretSchema(outside: Outside, readFile: ReadFile) {
  return z
    .union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })], {
      error: "must be { file: PATH } or { env: NAME }; a secret is never written here",
    })
    .transform((source, context): string => {
      const report = (message: string): void => {
        context.addIssue({ code: "custom", message });
      };
      const text = "file" in source ? readFile(source.file, report) : (outside.env[source.env] ?? "");
      const secret = text?.trim();
      const from = "file" in source ? source.file : `the environment variable ${source.env}`;
      if (secret === "") report(`${from} is empty or not set`);
      return secret ?? "";
    });
}

function readerOf({ readFile }: Outside): ReadFile {
  return (path, report) => {
    try {
      return readFile(path);
    } catch (error) {
      report(`cannot read ${path}: ${messageOf(error)}`);
      return undefined;
    }
  };
}

/** Checks what concerns more than one queue, or other parts of the file. */
function checkQueues({ stacks, queues }: { stacks?: unknown; queues: readonly QueueConfig[] }, context: Context): void {
  const issue = (message: string, ...path: PropertyKey[]): void => {
    context.addIssue({ code: "custom", path: ["queues", ...path], message });
  };
  if (queues.filter((one) => one.default).length > 1) issue("only one can be the default");
  for (const [index, { name, mode, maxInFlight }] of queues.entries()) {
    if (queues.findIndex((other) => other.name === name) !== index)
      issue(`${JSON.stringify(name)} is used twice`, index, "name");
    if (stacks !== undefined) continue;
    if (mode === "acquire") issue("acquire needs `stacks` with an agent token", index, "mode");
    if (maxInFlight !== undefined)
      issue("needs `stacks`: without it, nothing comes back to the jobs beyond this limit", index, "maxInFlight");
  }
}
