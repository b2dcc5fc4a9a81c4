/**
 * The fake's agent API: as much as a real buildkite-agent 3 or 4 needs to register, take a job, run it and report how it ended
 * (read from the agent's own fake in agent/fake_api_server_test.go and its API client). Give the agent `--ping-mode poll-only`.
 */
import { randomUUID } from "node:crypto";
import type { FakeBuildkite, FakeJob } from "./fake-buildkite.ts";
import { answerJson, tokenOf, type FakeCall } from "./fake-buildkite-http.ts";

interface FakeAgent {
  readonly tags: readonly string[];
  /** Its token is for this job only. */
  readonly only: string | undefined;
}

/** By session token, for each fake. */
const agents = new WeakMap<FakeBuildkite, Map<string, FakeAgent>>();

export function serveAgentApi(fake: FakeBuildkite, call: FakeCall): void {
  const { request, response, url, body } = call;
  const sessions = agents.get(fake) ?? new Map<string, FakeAgent>();
  agents.set(fake, sessions);
  const action = `${request.method ?? ""} ${url.pathname}`;
  const agent = sessions.get(tokenOf(call));
  const [, id = "", step = ""] = /^\/jobs\/([^/]+)(?:\/(\w+))?/.exec(url.pathname) ?? [];
  const job = fake.jobs.get(id);

  switch (action) {
    case "POST /register": {
      const scope = fake.judgeToken(tokenOf(call));
      if (scope.kind === "none") {
        answerJson(response, 401, { message: "Unauthorized" });
        return;
      }
      const tags = ((body as { meta_data?: string[] } | undefined)?.meta_data ?? []).map(String);
      const token = `session_${randomUUID()}`;
      sessions.set(token, { tags, only: scope.kind === "one" ? scope.id : undefined });
      // All three intervals must be there: the agent makes tickers of them. A job's token has no agent of that name twice.
      const intervals = { ping_interval: 1, job_status_interval: 1, heartbeat_interval: 60 };
      answerJson(response, 200, {
        id: randomUUID(),
        name: "fake-agent",
        access_token: token,
        endpoint: "",
        meta_data: tags,
        ...intervals,
      });
      return;
    }
    case "POST /connect":
    case "POST /disconnect": {
      answerJson(response, 200, {});
      return;
    }
    case "POST /heartbeat": {
      answerJson(response, 200, { ...(body as object), received_at: new Date().toISOString() });
      return;
    }
    case "GET /ping": {
      const taken = agent && agent.only === undefined ? fake.dispatchTo(agent.tags) : undefined;
      answerJson(response, 200, taken ? { job: { id: taken.id } } : {});
      return;
    }
  }
  if (!job) {
    answerJson(response, 404, { message: "Not Found" });
    return;
  }
  switch (`${request.method ?? ""} ${step}`) {
    case "PUT acquire":
      if (!agent || (agent.only !== undefined && agent.only !== id)) {
        answerJson(response, 403, { message: "not this agent's job" });
        return;
      }
      if (!fake.acquire(id)) {
        answerJson(response, 422, { message: `Cannot acquire a ${job.state} job` });
        return;
      }
      {
        answerJson(response, 200, toAgentJob(fake, job));
        return;
      }
    case "PUT accept": {
      answerJson(response, 200, toAgentJob(fake, job));
      return;
    }
    case "PUT start":
      fake.start(id);
      {
        answerJson(response, 200, {});
        return;
      }
    case "GET ": {
      answerJson(response, 200, { state: job.state === "canceled" ? "canceling" : job.state });
      return;
    }
    case "POST chunks":
      job.log += typeof body === "string" ? body : "";
      {
        answerJson(response, 201);
        return;
      }
    case "PUT finish":
      fake.finish(id, Number((body as { exit_status?: string } | undefined)?.exit_status ?? -1));
      {
        answerJson(response, 200, {});
        return;
      }
    default: {
      answerJson(response, 200, {});
      return;
    }
  }
}

/** A job as its agent gets it; without these variables its bootstrap refuses to run. */
function toAgentJob(fake: FakeBuildkite, job: FakeJob): object {
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
    BUILDKITE_AGENT_ENDPOINT: fake.endpoint,
  };
  return {
    id: job.id,
    endpoint: fake.endpoint,
    state: job.state,
    token: `bkaj_${job.id}`,
    env,
    step: {},
    chunks_max_size_bytes: 102_400,
  };
}
