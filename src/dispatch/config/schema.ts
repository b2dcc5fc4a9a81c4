/**
 * The shape of the configuration file. What concerns several fields, other files or the environment
 * is checked elsewhere, on whatever parts have the right shape.
 */
import { z } from "zod";
import { DNS_LABEL } from "../../injection/dns-label.ts";
import { plainWords } from "./plain-words.ts";
import { agentTagText } from "./agent-tags.ts";

const dnsLabel = z.string().regex(DNS_LABEL, "must be a DNS label: a-z, 0-9 and -, at most 63 characters");
const uuid = z.uuid().transform((text) => text.toLowerCase());
const templateSource = { template: z.unknown().optional(), templateFile: z.string().min(1).optional() };
const tagName = z.string().superRefine((name, context) => {
  const add = (message: string): void => {
    context.addIssue({ code: "custom", message });
  };
  if (name === "queue") add("is the queue's `name`: leave it out");
  else if (name === "" || /[,=\s\p{Cc}]/u.test(name)) add("a tag's name can't be empty, or have spaces, `,` or `=`");
});
const tags = z.record(tagName, agentTagText(1000));

/** A secret is never in the configuration file, which only says where it is. */
export const secretSource = z.union(
  [z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })],
  { error: "must be { file: PATH } or { env: NAME }; a secret is never written here" },
);
export type SecretSource = z.output<typeof secretSource>;

export const queueSchema = z.strictObject({
  // Buildkite's limit: https://buildkite.com/docs/agent/queues/managing
  name: agentTagText(100),
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
  templates: z.array(z.strictObject({ tags, ...templateSource })).default([]),
});

const webhook = z.strictObject({
  method: z.enum(["signature", "token"]).default("signature"),
  secrets: z.array(secretSource).min(1, "needs at least one secret"),
  requestBudgetSeconds: z.number().positive().max(60).default(8),
  lateAfterSeconds: z.number().positive().default(60),
});

export const stacksSchema = z.strictObject({
  agentToken: secretSource,
  endpoint: z
    .url({ protocol: /^https?$/ })
    .default("https://agent.buildkite.com/v3")
    .transform((url) => url.replace(/\/+$/, "")),
  stackKey: dnsLabel.default("curfew"),
  intervalSeconds: z.number().positive().max(300).default(10),
});

/** The whole file. */
export const fileSchema = z.strictObject({
  organization: z.string().min(1).optional(),
  cluster: uuid.optional(),
  webhook,
  stacks: stacksSchema.optional(),
  queues: z.array(queueSchema).min(1, "needs at least one queue"),
});

export type FileShape = z.output<typeof fileSchema>;
export type QueueShape = z.output<typeof queueSchema>;

/** Something wrong, or worth a note, and where it is in the file. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Checks a value's shape. Problems are in plain words. */
export function checkShape<T>(
  schema: z.ZodType<T>,
  value: unknown,
): { readonly value?: T; readonly problems: Finding[] } {
  const parsed = schema.safeParse(value, { error: plainWords });
  if (parsed.success) return { value: parsed.data, problems: [] };
  const problems = parsed.error.issues.flatMap((issue): Finding[] => {
    const { path, message } = issue;
    if (issue.code !== "unrecognized_keys") return [{ path, message }];
    const messages = message.split("\n");
    return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index] ?? message }));
  });
  return { problems };
}

/** A value's fields that have the right shape, each by itself. Absent ones have their default. */
export function readableFields<S extends z.ZodRawShape>(
  { shape }: z.ZodObject<S>,
  value: unknown,
): { readonly [K in keyof S]?: z.output<S[K]> } {
  const fields = Object.entries(shape).map(([key, schema]) => [
    key,
    (schema as z.ZodType).safeParse(fieldOf(value, key)).data,
  ]);
  return Object.fromEntries(fields) as { [K in keyof S]?: z.output<S[K]> };
}

/** A field of a value that may have none. */
export function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** A list's items. None if it isn't a list. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
