/** The fake's Stacks API over HTTP: https://buildkite.com/docs/apis/agent-api/stacks. */
import type { BuildkiteJobs, FakeJob } from "./jobs.ts";
import { answerJson, tokenOf, type FakeCall } from "./http.ts";

const LIMIT = 1000;

/** Answers a call to the Stacks API. */
export function serveStacksApi(fake: BuildkiteJobs, call: FakeCall): void {
  const { request, response, url } = call;
  const [, , stack = "", ...rest] = url.pathname.split("/");
  const action = `${request.method ?? ""} /${rest.join("/")}`;
  fake.calls.push(stack === "register" ? "POST /register" : action);
  const fault = fake.fault(fake.calls.at(-1) ?? "");
  if (fault) {
    answerJson(response, fault.status, { message: "injected" }, fault.headers);
    return;
  }
  if (tokenOf(call) !== fake.agentToken) {
    answerJson(response, 401, { message: "Unauthorized" });
    return;
  }
  const body = (call.body ?? {}) as Record<string, unknown>;
  const ids = (body["job_uuids"] ?? []) as string[];
  if (ids.length > LIMIT) {
    answerJson(response, 422, { message: `at most ${LIMIT} jobs` });
    return;
  }

  if (stack === "register") {
    const { key, queue_key: queueKey, metadata } = body;
    const known = fake.stacks.has(String(key));
    fake.stacks.add(String(key));
    answerJson(response, known ? 200 : 201, { key, type: "custom", cluster_queue_key: queueKey, metadata });
    return;
  }
  if (!fake.stacks.has(stack)) {
    answerJson(response, 404, { message: "No stack found" });
    return;
  }
  const finish = /^POST \/jobs\/([^/]+)\/finish$/.exec(action);
  if (finish) {
    finishJob(fake, call, stack, finish[1] ?? "", body);
    return;
  }
  switch (action) {
    case "GET /scheduled-jobs": {
      answerJson(response, 200, listing(fake, url.searchParams));
      return;
    }
    case "PUT /scheduled-jobs/batch-reserve": {
      const seconds = Number(body["reservation_expiry_seconds"] ?? 900);
      const reserved = ids.filter((id) => fake.reserve(id, stack, seconds));
      answerJson(response, 200, { reserved, not_reserved: ids.filter((id) => !reserved.includes(id)) });
      return;
    }
    case "POST /job-acquisition-tokens": {
      const seconds = Number(body["token_lifetime_seconds"] ?? 900);
      const issued = ids.flatMap((id) => {
        const token = fake.issueToken(id, stack, seconds);
        return token === undefined ? [] : [{ job_uuid: id, job_acquisition_token: token }];
      });
      const names = new Set(issued.map((one) => one.job_uuid));
      answerJson(response, 201, {
        job_acquisition_tokens: issued,
        not_issued: ids.filter((id) => !names.has(id)),
      });
      return;
    }
    case "POST /jobs/get-states": {
      const known = ids.flatMap((id) => fake.jobs.get(id) ?? []);
      answerJson(response, 200, { states: Object.fromEntries(known.map((job) => [job.id, fake.stateOf(job)])) });
      return;
    }
    default: {
      answerJson(response, 404, { message: "Not Found" });
      return;
    }
  }
}

/**
 * One page. The cursor is the last job's UUID. It isn't a snapshot: jobs come and go between pages.
 */
function listing(fake: BuildkiteJobs, query: URLSearchParams): object {
  const limit = Math.min(Number(query.get("limit") ?? 100), LIMIT);
  const sorted = fake.scheduled(query.get("queue_key") ?? "").sort((a, b) => (a.id < b.id ? -1 : 1));
  const found = sorted.filter((job) => job.id > (query.get("after") ?? ""));
  const page = found.slice(0, limit);
  return {
    jobs: page.map(toListed),
    page_info: { has_next_page: found.length > page.length, end_cursor: page.at(-1)?.id ?? null },
    cluster_queue: { id: "queue", [fake.pausedField]: fake.paused },
  };
}

function toListed({ id, priority, rules, scheduledAt }: FakeJob): object {
  return {
    id,
    priority,
    agent_query_rules: rules,
    scheduled_at: new Date(scheduledAt).toISOString(),
    pipeline: { slug: "web", uuid: "pipeline" },
    build: { number: 7, branch: "main", uuid: "build" },
    step: { key: "test" },
  };
}

/** Finishes a job, but only if the stack has reserved it (inferred), and only once. */
function finishJob(
  fake: BuildkiteJobs,
  { response }: FakeCall,
  stack: string,
  id: string,
  body: Record<string, unknown>,
): void {
  const job = fake.jobs.get(id);
  const detail = body["detail"];
  if (typeof detail !== "string" || detail.length > 4096) {
    answerJson(response, 422, { message: "detail: 4 KB at most" });
    return;
  }
  if (!job || fake.stateOf(job) !== "reserved" || job.reservation?.stack !== stack) {
    answerJson(response, 422, { message: "the job is not reserved by this stack" });
    return;
  }
  job.state = "finished";
  job.exitStatus = Number(body["exit_status"] ?? -1);
  job.detail = detail;
  answerJson(response, 200, {});
}
