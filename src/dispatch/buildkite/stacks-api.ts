/**
 * Buildkite's Stacks API, which lists the jobs that wait and lets a stack reserve them:
 * https://buildkite.com/docs/apis/agent-api/stacks. Each queue has one stack key, which all
 * replicas share, so each of them can extend the stack's reservations.
 */
import { z } from "zod";
import { retryAfterMs } from "../../http/retry-after.ts";
import { OutsideError } from "../../process/errors.ts";
import { abortAfter } from "../../process/deadline.ts";
import { issued, page, registered, reserved, states } from "./stacks-answers.ts";
import { standingOf, type BuildkiteJob, type JobStanding } from "./job.ts";

/** A call that failed. `code` is the HTTP status code, or 0 if no answer came. */
export class StacksError extends OutsideError {
  readonly code: number;
  readonly retryAfterMs: number | undefined;

  constructor(call: string, code: number, retryAfterMs?: number, cause?: unknown) {
    super(`Buildkite's Stacks API: ${call}: ${code === 0 ? "no answer" : `HTTP ${code}`}`, { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same call can succeed later: Buildkite was too busy, or couldn't answer. */
  get mayPass(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }
}

export interface Listing {
  readonly buildkiteJobs: readonly BuildkiteJob[];
  readonly paused: boolean;
}

export interface StacksApiOptions {
  readonly endpoint: string;
  readonly agentToken: string;
  readonly stackKey: string;
  readonly queueKey: string;
  readonly organization?: string | undefined;
  readonly timeoutMs?: number;
}

/** The most UUIDs or jobs in one call. */
const BATCH = 1000;

/**
 * The calls of one queue's stack. Each one rejects with an OutsideError if it fails, mostly a
 * StacksError.
 */
export class StacksApi {
  readonly #options: StacksApiOptions;
  #queueKey: string;

  constructor(options: StacksApiOptions) {
    this.#options = options;
    this.#queueKey = options.queueKey;
  }

  /**
   * Registers the stack. That's harmless if it's already registered. The answer has the queue's key
   * as the listing wants it.
   */
  async register(): Promise<void> {
    const { stackKey, queueKey } = this.#options;
    const body = { key: stackKey, type: "custom", queue_key: queueKey, metadata: { name: "curfew" } };
    const answer = await this.#call("POST", "/stacks/register", body, registered);
    this.#queueKey = answer.cluster_queue_key ?? queueKey;
  }

  /** Lists every job of the queue that waits for an agent and isn't reserved, from all pages. */
  async listScheduled(): Promise<Listing> {
    const found = new Map<string, BuildkiteJob>();
    let after: string | null | undefined;
    for (;;) {
      const query = new URLSearchParams({ queue_key: this.#queueKey, limit: String(BATCH), ...(after && { after }) });
      const answer = await this.#call("GET", `${this.#stack()}/scheduled-jobs?${query.toString()}`, undefined, page);
      for (const raw of answer.jobs) found.set(raw.id, this.#toBuildkiteJob(raw));
      after = answer.page_info?.has_next_page === true ? answer.page_info.end_cursor : undefined;
      if (after != null) continue;
      const { dispatch_paused: dispatchPaused, paused } = answer.cluster_queue ?? {};
      return { buildkiteJobs: [...found.values()], paused: dispatchPaused ?? paused ?? false };
    }
  }

  /** Reserves jobs, or extends their reservations. Resolves to those that are ours now. */
  async reserve(ids: readonly string[], seconds: number): Promise<Set<string>> {
    const ours = new Set<string>();
    for (const batch of batches(ids)) {
      const body = { job_uuids: batch, reservation_expiry_seconds: seconds };
      const answer = await this.#call("PUT", `${this.#stack()}/scheduled-jobs/batch-reserve`, body, reserved);
      for (const id of answer.reserved) ours.add(id);
    }
    return ours;
  }

  /** Tokens by job UUID. Each is valid for one reserved job, and no longer than its reservation. */
  async issueTokens(ids: readonly string[]): Promise<Map<string, string>> {
    const tokens = new Map<string, string>();
    for (const batch of batches(ids)) {
      const body = { job_uuids: batch, token_lifetime_seconds: 3600 };
      const answer = await this.#call("POST", `${this.#stack()}/job-acquisition-tokens`, body, issued);
      for (const one of answer.job_acquisition_tokens) tokens.set(one.job_uuid, one.job_acquisition_token);
    }
    return tokens;
  }

  /** Where jobs stand, by UUID. */
  async standings(ids: readonly string[]): Promise<Map<string, JobStanding>> {
    const standings = new Map<string, JobStanding>();
    for (const batch of batches(ids)) {
      const answer = await this.#call("POST", `${this.#stack()}/jobs/get-states`, { job_uuids: batch }, states);
      for (const [id, state] of Object.entries(answer.states)) standings.set(id, standingOf(state));
    }
    return standings;
  }

  /**
   * Fails a job that no agent will come for. `detail` is shown on the build's page. Buildkite takes
   * at most 4 KB of it, so it's cut.
   */
  async finish(id: string, detail: string): Promise<void> {
    await this.#call(
      "POST",
      `${this.#stack()}/jobs/${id}/finish`,
      { exit_status: -1, detail: detail.slice(0, 4000) },
      z.unknown(),
    );
  }

  #stack(): string {
    return `/stacks/${encodeURIComponent(this.#options.stackKey)}`;
  }

  #toBuildkiteJob(raw: z.infer<typeof page>["jobs"][number]): BuildkiteJob {
    const since = Date.parse(raw.runnable_at ?? raw.scheduled_at ?? "");
    const { organization } = this.#options;
    const slug = raw.pipeline?.slug;
    const number = raw.build?.number;
    return {
      id: raw.id,
      rules: raw.agent_query_rules ?? [],
      priority: raw.priority ?? 0,
      ...(Number.isNaN(since) ? {} : { waitingSince: since }),
      ...(slug == null ? {} : { pipeline: slug }),
      ...(raw.build?.branch == null ? {} : { branch: raw.build.branch }),
      ...(organization !== undefined && slug != null && number != null
        ? { buildUrl: `https://buildkite.com/${organization}/${slug}/builds/${number}#${raw.id}` }
        : {}),
    };
  }

  async #call<T>(method: string, path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const { endpoint, agentToken, timeoutMs = 10_000 } = this.#options;
    const call = `${method} ${path.replace(/\?.*/, "")}`;
    const { response, text } = await abortAfter(timeoutMs, async (signal) => {
      const sent = await fetch(endpoint + path, {
        method,
        headers: { authorization: `Token ${agentToken}`, "content-type": "application/json" },
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { response: sent, text: await sent.text() };
    }).catch((cause: unknown) => {
      throw new StacksError(call, 0, undefined, cause);
    });
    if (!response.ok) {
      const { headers } = response;
      const pauseMs = retryAfterMs(headers.get("retry-after") ?? headers.get("ratelimit-reset"));
      throw new StacksError(call, response.status, pauseMs);
    }
    const parsed = schema.safeParse(parseJson(text));
    if (!parsed.success) {
      const fields = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
      throw new OutsideError(`Buildkite's Stacks API: ${call}: unexpected answer, at: ${fields}`);
    }
    return parsed.data;
  }
}

/** Undefined if it isn't JSON. The engine's own error would quote the text. */
function parseJson(text: string): unknown {
  try {
    return text === "" ? {} : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function* batches(ids: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < ids.length; start += BATCH) yield ids.slice(start, start + BATCH);
}
