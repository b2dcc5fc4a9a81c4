/**
 * The answers of the Stacks API, with only the fields that are read:
 * https://buildkite.com/docs/apis/agent-api/stacks.
 */
import { z } from "zod";

const uuid = z.string().transform((text) => text.toLowerCase());
export const page = z.object({
  jobs: z.array(
    z.object({
      id: uuid,
      priority: z.number().nullish(),
      agent_query_rules: z.array(z.string()).nullish(),
      scheduled_at: z.string().nullish(),
      runnable_at: z.string().nullish(),
      pipeline: z.object({ slug: z.string().nullish() }).nullish(),
      build: z.object({ number: z.number().nullish(), branch: z.string().nullish() }).nullish(),
    }),
  ),
  page_info: z.object({ has_next_page: z.boolean().nullish(), end_cursor: z.string().nullish() }).nullish(),
  // The documentation says dispatch_paused, Buildkite's Go client reads paused.
  cluster_queue: z.object({ dispatch_paused: z.boolean().nullish(), paused: z.boolean().nullish() }).nullish(),
});
export const registered = z.object({ cluster_queue_key: z.string().nullish() });
export const reserved = z.object({ reserved: z.array(uuid) });
export const issued = z.object({
  job_acquisition_tokens: z.array(
    z.object({ job_uuid: uuid, job_acquisition_token: z.string(), expires_at: z.string().nullish() }),
  ),
});
export const notified = z.object({
  errors: z.array(z.object({ error: z.string(), indexes: z.array(z.number()) })).nullish(),
});
export const states = z.object({ states: z.record(uuid, z.string()) });
