/**
 * Deliveries as Buildkite sends them:
 * https://buildkite.com/docs/apis/webhooks/pipelines/job-events.
 */
import { createHmac } from "node:crypto";
import type { FakeJob } from "./jobs.ts";

/** A job to tell about. Only its id is required. */
export type DeliveredJob = Pick<FakeJob, "id"> & Partial<FakeJob>;

/** A payload with the fields that the REST API documents for a job, its build and its pipeline. */
export function webhookPayload(event: string, job: DeliveredJob): Record<string, unknown> {
  const scheduledAt = new Date(job.scheduledAt ?? Date.now()).toISOString();
  const url = "https://buildkite.com/acme/web/builds/7";
  return {
    event,
    job: {
      id: job.id,
      graphql_id: "Sm9iLS0t",
      type: "script",
      name: ":hammer: Test",
      step_key: "test",
      step: { id: "01990000-0000-4000-8000-000000000001", signature: null },
      priority: { number: job.priority ?? 0 },
      agent_query_rules: job.rules ?? [`queue=${job.queue ?? "kubernetes"}`],
      state: job.state ?? "scheduled",
      build_url: "https://api.buildkite.com/v2/organizations/acme/pipelines/web/builds/7",
      web_url: `${url}#${job.id}`,
      command: job.command ?? "make test",
      soft_failed: false,
      exit_status: null,
      agent: null,
      created_at: scheduledAt,
      scheduled_at: scheduledAt,
      runnable_at: scheduledAt,
      started_at: null,
      finished_at: null,
      retried: false,
      cluster_id: "01990000-0000-4000-8000-00000000000c",
      cluster_queue_id: "01990000-0000-4000-8000-00000000000d",
    },
    build: {
      id: "01990000-0000-4000-8000-00000000000b",
      number: 7,
      state: "running",
      branch: "main",
      web_url: url,
      env: {},
      meta_data: {},
    },
    pipeline: { id: "01990000-0000-4000-8000-00000000000a", slug: "web", env: {} },
    sender: { id: "01990000-0000-4000-8000-00000000000e", name: "Ada" },
  };
}

/** The value of X-Buildkite-Signature. `timestamp` is in seconds since 1970. */
export function signatureOf(secret: string, timestamp: number, body: string | Uint8Array): string {
  return `timestamp=${timestamp},signature=${createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex")}`;
}

export interface Delivery {
  readonly status: number;
  readonly body: unknown;
}

/** Signs and sends a payload. `secret` is the webhook's token. @throws if nobody answers. */
export async function deliver(url: string, secret: string, payload: Record<string, unknown>): Promise<Delivery> {
  const body = JSON.stringify(payload);
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "user-agent": "Buildkite-Request",
      "x-buildkite-event": String(payload["event"]),
      "x-buildkite-signature": signatureOf(secret, Math.floor(Date.now() / 1000), body),
    },
    body,
  });
  return { status: response.status, body: await response.json() };
}
