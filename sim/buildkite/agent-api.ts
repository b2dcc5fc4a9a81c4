/**
 * The fake's agent API: as much as a real buildkite-agent 3 or 4 needs to register, take a job, run
 * it and report how it ended (learned from the agent's own fake in agent/fake_api_server_test.go,
 * and from its API client). The agent first asks for its stream of pings, gets a 404, and then
 * polls.
 */
import { randomUUID } from "node:crypto";
import type { BuildkiteJobs, FakeJob } from "./jobs.ts";
import { answerJson, tokenOf, type FakeCall } from "./http.ts";

/** Answers a call to the agent API. */
export function serveAgentApi(fake: BuildkiteJobs, call: FakeCall): void {
  const { request, response, url } = call;
  const method = request.method ?? "";
  const [, id = "", step = ""] = /^\/jobs\/([^/]+)(?:\/(\w+))?/.exec(url.pathname) ?? [];
  const job = fake.jobs.get(id);
  const [status, body] = job
    ? answerAboutJob(fake, call, job, `${method} ${step}`)
    : answerToAgent(fake, call, `${method} ${url.pathname}`);
  answerJson(response, status, body);
}

type Answer = readonly [status: number, body?: object];

const OK: Answer = [200, {}];
const NOT_HELD: Answer = [422, { message: "no agent holds this job" }];

function answerToAgent(fake: BuildkiteJobs, call: FakeCall, action: string): Answer {
  const agent = fake.agents.get(tokenOf(call));
  const body = (call.body ?? {}) as Record<string, unknown>;
  if (action === "POST /register") return register(fake, tokenOf(call), body);
  if (!agent) return [401, { message: "Unauthorized" }];
  switch (action) {
    case "POST /connect":
      agent.connected = true;
      return OK;
    case "POST /disconnect":
      agent.connected = false;
      return OK;
    case "POST /heartbeat":
      return [200, { ...body, received_at: new Date().toISOString() }];
    case "GET /ping": {
      const job = agent.only === undefined && !agent.leaving ? fake.dispatchTo(agent.tags) : undefined;
      return [200, job ? { job: { id: job.id } } : {}];
    }
    default:
      return [404, { message: "Not Found" }];
  }
}

function register(fake: BuildkiteJobs, token: string, body: Record<string, unknown>): Answer {
  const scope = fake.judgeToken(token);
  if (scope.kind === "none") return [401, { message: "Unauthorized" }];
  const tags = ((body["meta_data"] ?? []) as readonly unknown[]).map(String);
  const session = `session_${randomUUID()}`;
  fake.agents.set(session, { tags, only: scope.kind === "one" ? scope.id : undefined, connected: false });
  // All three intervals are required, as the agent makes tickers of them.
  const intervals = { ping_interval: 1, job_status_interval: 1, heartbeat_interval: 60 };
  const { name } = body;
  return [200, { id: randomUUID(), name, access_token: session, endpoint: "", meta_data: tags, ...intervals }];
}

/**
 * An agent takes a job with its session's token. What it reports about the job afterwards comes
 * with the job's own token.
 */
function answerAboutJob(fake: BuildkiteJobs, call: FakeCall, job: FakeJob, action: string): Answer {
  const { id } = job;
  if (action === "PUT acquire" || action === "PUT accept") {
    const agent = fake.agents.get(tokenOf(call));
    if (!agent || (agent.only ?? id) !== id) return [401, { message: "Unauthorized" }];
    if (action === "PUT accept" && job.state !== "accepted") return [422, { message: `a ${job.state} job` }];
    if (action === "PUT acquire" && !fake.acquire(id)) return [422, { message: `Cannot acquire a ${job.state} job` }];
    agent.job = id;
    return [200, toAgentJob(fake, job)];
  }
  if (tokenOf(call) !== tokenFor(job)) return [401, { message: "Unauthorized" }];
  switch (action) {
    case "PUT start":
      return fake.start(id) ? OK : NOT_HELD;
    case "GET ":
      return [200, { state: job.state === "canceled" ? "canceling" : job.state }];
    case "POST chunks":
      // A piece that's sent again replaces the first one.
      if (Buffer.isBuffer(call.body)) job.chunks[Number(call.url.searchParams.get("sequence"))] = call.body;
      return [201];
    case "PUT finish": {
      const { exit_status: exitStatus, ignore_agent_in_dispatches: leaving } = (call.body ?? {}) as Finish;
      for (const agent of fake.agents.values()) if (agent.job === id) agent.leaving = leaving ?? false;
      return fake.finish(id, Number(exitStatus ?? -1)) ? OK : NOT_HELD;
    }
    default:
      return OK;
  }
}

interface Finish {
  readonly exit_status?: string;
  /** An agent with --disconnect-after-job, which asks for work once more before it leaves. */
  readonly ignore_agent_in_dispatches?: boolean;
}

function tokenFor(job: FakeJob): string {
  return `bkaj_${job.id}`;
}

/** A job as its agent gets it. Without these variables, the agent's bootstrap refuses to run. */
function toAgentJob(fake: BuildkiteJobs, job: FakeJob): object {
  const env = {
    BUILDKITE_JOB_ID: job.id,
    BUILDKITE_COMMAND: job.command,
    BUILDKITE_SKIP_CHECKOUT: "true",
    BUILDKITE_REPO: "git@example.com:acme/web.git",
    BUILDKITE_COMMIT: "HEAD",
    BUILDKITE_BRANCH: "main",
    BUILDKITE_BUILD_ID: randomUUID(),
    BUILDKITE_BUILD_NUMBER: "7",
    BUILDKITE_AGENT_NAME: "fake-agent",
    BUILDKITE_ORGANIZATION_SLUG: "acme",
    BUILDKITE_PIPELINE_SLUG: "web",
    BUILDKITE_PIPELINE_PROVIDER: "custom",
    ...job.env,
  };
  const { id, state } = job;
  return { id, endpoint: fake.endpoint, state, token: tokenFor(job), env, step: {}, chunks_max_size_bytes: 102_400 };
}
