/**
 * What a delivery says. Only the few fields of a payload that are used are kept. The others can
 * hold secrets.
 */
import { z } from "zod";
import { isOver, standingOf, type BuildkiteJob } from "./job.ts";

export type WebhookEvent =
  | { readonly kind: "ping" }
  /** A job to run. Its organization and its cluster's UUIDs tell our jobs from others'. */
  | { readonly kind: "scheduled"; readonly buildkiteJob: BuildkiteJob; readonly origin: JobOrigin }
  /** A job that doesn't need an agent any more. */
  | { readonly kind: "over"; readonly id: string }
  | { readonly kind: "ignored"; readonly reason: "other-event" | "not-a-script" }
  | {
      readonly kind: "malformed";
      /** Paths of the fields at fault, never their values. */ readonly fields: readonly string[];
    };

export interface JobOrigin {
  readonly organization?: string;
  readonly clusterId?: string;
  readonly queueId?: string;
}

const uuid = z.uuid().transform((text) => text.toLowerCase());
const date = z.string().transform((text) => Date.parse(text));

// Made once, as zod compiles a schema when it's first used.
const eventName = z.object({ event: z.string() });

/**
 * https://buildkite.com/docs/apis/webhooks/pipelines/job-events; fields of the job as in the REST
 * API.
 */
const payload = z.object({
  job: z.object({
    id: uuid,
    type: z.string(),
    state: z.string().nullish(),
    agent_query_rules: z.array(z.string()).nullish(),
    priority: z.object({ number: z.number() }).nullish(),
    scheduled_at: date.nullish(),
    runnable_at: date.nullish(),
    cluster_id: uuid.nullish(),
    cluster_queue_id: uuid.nullish(),
    web_url: z.string().nullish(),
  }),
  build: z.object({ branch: z.string().nullish(), web_url: z.string().nullish() }).nullish(),
  pipeline: z.object({ slug: z.string().nullish() }).nullish(),
});

/**
 * Events of a job that won't wait for an agent again. `job.started` isn't one, as a job can be
 * handed back.
 */
const OVER = new Set(["job.finished"]);

/**
 * Parses a delivery's JSON. `name` is its X-Buildkite-Event header, which Buildkite also writes
 * into the body as `event`.
 */
export function parseEvent(name: string | undefined, body: unknown): WebhookEvent {
  const named = eventName.safeParse(body);
  const wanted = named.success ? named.data.event : name;
  if (wanted === "ping") return { kind: "ping" };
  if (wanted !== "job.scheduled" && !OVER.has(wanted ?? "")) return { kind: "ignored", reason: "other-event" };

  const parsed = payload.safeParse(body);
  if (!parsed.success) return { kind: "malformed", fields: parsed.error.issues.map((issue) => issue.path.join(".")) };
  const { job, build, pipeline } = parsed.data;
  if (job.type !== "script") return { kind: "ignored", reason: "not-a-script" };
  // The payload can be newer than its event ("fast transitions"), so the job may already be over.
  // But if its state just isn't `scheduled`, that says nothing: Buildkite's own example of this
  // event has `assigned`.
  if (OVER.has(wanted ?? "") || isOver(standingOf(job.state ?? ""))) return { kind: "over", id: job.id };

  const waitingSince = job.runnable_at ?? job.scheduled_at ?? NaN;
  const buildUrl = httpUrl(job.web_url) ?? httpUrl(build?.web_url);
  const organization = organizationOf(buildUrl);
  const buildkiteJob: BuildkiteJob = {
    id: job.id,
    rules: job.agent_query_rules ?? [],
    priority: job.priority?.number ?? 0,
    ...(Number.isNaN(waitingSince) ? {} : { waitingSince }),
    ...(pipeline?.slug == null ? {} : { pipeline: pipeline.slug }),
    ...(build?.branch == null ? {} : { branch: build.branch }),
    ...(buildUrl === undefined ? {} : { buildUrl }),
  };
  const origin: JobOrigin = {
    ...(organization === undefined ? {} : { organization }),
    ...(job.cluster_id == null ? {} : { clusterId: job.cluster_id }),
    ...(job.cluster_queue_id == null ? {} : { queueId: job.cluster_queue_id }),
  };
  return { kind: "scheduled", buildkiteJob, origin };
}

function httpUrl(text: string | null | undefined): string | undefined {
  return text != null && text.length <= 2048 && /^https?:\/\/\S+$/.test(text) ? text : undefined;
}

/**
 * A job event names its organization only as the first segment of its URLs
 * (https://buildkite.com/ORGANIZATION/PIPELINE/…).
 */
function organizationOf(url: string | undefined): string | undefined {
  return /^https?:\/\/[^/]+\/([^/?#]+)/.exec(url ?? "")?.[1];
}
