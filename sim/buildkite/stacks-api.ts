/**
 * The fake's Stacks API over HTTP: https://buildkite.com/docs/apis/agent-api/stacks. What that page
 * leaves open and is guessed here is marked "inferred".
 */
import type { BuildkiteJobs, FakeJob } from "./jobs.ts";
import { answerJson, tokenOf, type FakeCall } from "./http.ts";
import { createNotifications } from "./notifications.ts";
import { scopeOf } from "./rate-limits.ts";

/** The most UUIDs or jobs in one call. */
const LIMIT = 1000;
const DEFAULT_LISTED = 100; // inferred
const LONGEST_SECONDS = 3600;
const DEFAULT_SECONDS = 900;

type Answer = readonly [status: number, body: object];
type Body = Readonly<Record<string, unknown>>;

/** Answers a call to the Stacks API. */
export function serveStacksApi(fake: BuildkiteJobs, call: FakeCall): void {
  const { request, response, url } = call;
  const [, , segment = "", ...rest] = url.pathname.split("/");
  const registers = segment === "register" && request.method === "POST";
  const action = registers ? "POST /register" : `${request.method ?? ""} /${rest.join("/")}`;
  fake.calls.push(action);
  const fault = fake.fault(action);
  if (fault) {
    answerJson(response, fault.status, { message: fault.message ?? "injected" }, fault.headers);
    return;
  }
  const body = (call.body ?? {}) as Body;
  const stack = registers ? String(body["key"]) : segment;
  const { headers, refusal } = fake.rateLimits.judge(stack, scopeOf(action));
  if (refusal) {
    fake.rateLimited.push(action);
    answerJson(response, 429, refusal, headers);
    return;
  }
  const [status, answer] =
    tokenOf(call) === fake.agentToken
      ? answerTo(fake, action, stack, body, url.searchParams)
      : [401, { message: "Unauthorized" }];
  answerJson(response, status, answer, headers);
}

function answerTo(fake: BuildkiteJobs, action: string, stack: string, body: Body, query: URLSearchParams): Answer {
  if (action === "POST /register") return register(fake, stack, body);
  if (!fake.stacks.has(stack)) return [404, { message: "No stack found" }];
  const finish = /^POST \/jobs\/([^/]+)\/finish$/.exec(action);
  if (finish) return finishJob(fake, stack, finish[1] ?? "", body);
  switch (action) {
    case "GET /scheduled-jobs":
      return listing(fake, query);
    case "POST /notifications":
      return createNotifications(fake, body["notifications"]);
    case "PUT /scheduled-jobs/batch-reserve":
      return withIds(body, (ids) => {
        const seconds = Number(body["reservation_expiry_seconds"] ?? DEFAULT_SECONDS);
        if (seconds > LONGEST_SECONDS) return [422, { message: "reservation_expiry_seconds: 3600 at most" }]; // inferred
        const reserved = new Set(ids.filter((id) => fake.reserve(id, stack, seconds)));
        return [200, { reserved: [...reserved], not_reserved: ids.filter((id) => !reserved.has(id)) }];
      });
    case "POST /job-acquisition-tokens":
      return withIds(body, (ids) => issueTokens(fake, stack, ids, body));
    case "POST /jobs/get-states":
      return withIds(body, (ids) => {
        const known = ids.flatMap((id) => fake.jobs.get(id) ?? []);
        return [200, { states: Object.fromEntries(known.map((job) => [job.id, fake.stateOf(job)])) }];
      });
    default:
      return [404, { message: "Not Found" }];
  }
}

function register(fake: BuildkiteJobs, key: string, { queue_key: queueKey, metadata }: Body): Answer {
  if (!/^[\w-]{1,80}$/.test(key)) return [422, { message: "key: letters, digits, _ and -; 80 bytes at most" }];
  const known = fake.stacks.has(key);
  fake.stacks.add(key);
  return [known ? 200 : 201, { key, type: "custom", cluster_queue_key: queueKey, metadata }];
}

/** A list of UUIDs that isn't one is a 400, as documented. That one too long is a 422 is inferred. */
function withIds(body: Body, answer: (ids: readonly string[]) => Answer): Answer {
  const ids = body["job_uuids"];
  if (!Array.isArray(ids)) return [400, { message: "job_uuids is not an array" }];
  return ids.length > LIMIT ? [422, { message: `at most ${LIMIT} jobs` }] : answer(ids.map(String));
}

/** https://buildkite.com/docs/agent/self-hosted/job-acquisition-tokens */
function issueTokens(fake: BuildkiteJobs, stack: string, ids: readonly string[], body: Body): Answer {
  const seconds = Number(body["token_lifetime_seconds"] ?? DEFAULT_SECONDS);
  if (seconds > LONGEST_SECONDS) return [422, { message: "token_lifetime_seconds: 3600 at most" }]; // inferred
  const issued = ids.flatMap((id) => {
    const token = fake.issueToken(id, stack, seconds);
    if (token === undefined) return [];
    return [{ job_uuid: id, job_acquisition_token: token.token, expires_at: new Date(token.until).toISOString() }];
  });
  const names = new Set(issued.map((one) => one.job_uuid));
  return [201, { job_acquisition_tokens: issued, not_issued: ids.filter((id) => !names.has(id)) }];
}

/**
 * One page, oldest first. It isn't a snapshot: jobs come and go between pages. That the cursor is
 * the last job's UUID is inferred.
 */
function listing(fake: BuildkiteJobs, query: URLSearchParams): Answer {
  const limit = Number(query.get("limit") ?? DEFAULT_LISTED);
  if (!Number.isInteger(limit) || limit < 1) return [400, { message: "limit is not a positive integer" }];
  const page: FakeJob[] = [];
  let more = false;
  for (const job of fake.scheduled(query.get("queue_key") ?? "", query.get("after") ?? undefined)) {
    more = page.length === Math.min(limit, LIMIT);
    if (more) break;
    page.push(job);
  }
  return [
    200,
    {
      jobs: page.map(toListed),
      page_info: { has_next_page: more, end_cursor: page.at(-1)?.id ?? null },
      cluster_queue: { id: "queue", [fake.pausedField]: fake.paused },
    },
  ];
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
function finishJob(fake: BuildkiteJobs, stack: string, id: string, body: Body): Answer {
  const job = fake.jobs.get(id);
  const detail = body["detail"];
  if (typeof detail !== "string" || Buffer.byteLength(detail) > 4096) return [422, { message: "detail: 4 KB at most" }];
  if (!job || fake.stateOf(job) !== "reserved" || job.reservation?.stack !== stack)
    return [422, { message: "the job is not reserved by this stack" }];
  job.state = "finished";
  job.exitStatus = Number(body["exit_status"] ?? -1);
  job.detail = detail;
  job.finishedAt = fake.now();
  return [200, {}];
}
