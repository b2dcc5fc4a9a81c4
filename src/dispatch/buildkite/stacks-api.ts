/**
 * Buildkite's Stacks API, which lists the jobs that wait and lets a stack reserve them:
 * https://buildkite.com/docs/apis/agent-api/stacks. Each queue has one stack key, which all
 * replicas share, so each of them can extend the stack's reservations, and they share its limits.
 */
import { z } from "zod";
import { abortAfter } from "../../process/deadline.ts";
import { OutsideError } from "../../process/errors.ts";
import type { LimitedLog } from "../../process/log-limiter.ts";
import { standingOf, type BuildkiteJob, type JobStanding } from "./job.ts";
import { LONGEST_PAUSE_MS, Pace } from "./pace.ts";
import { issued, notified, page, registered, reserved, states } from "./stacks-answers.ts";
import { saidIn, StacksError } from "./stacks-error.ts";

/** One page of the listing. */
export interface ListPage {
  readonly buildkiteJobs: readonly BuildkiteJob[];
  /** Whether the queue is paused. */
  readonly paused: boolean;
  /** The cursor of the next page. Undefined: this is the last one. */
  readonly next: string | undefined;
}

/** A token that lets an agent take one job. */
export interface AcquisitionToken {
  readonly token: string;
  /** Milliseconds since 1970, if Buildkite says so. */
  readonly expiresAt?: number;
}

/** A line for the people who look at a job's build. */
export interface Note {
  /** The Buildkite job's UUID. */
  readonly id: string;
  readonly detail: string;
}

export interface StacksApiOptions {
  readonly endpoint: string;
  readonly agentToken: string;
  readonly stackKey: string;
  readonly queueKey: string;
  readonly organization?: string | undefined;
  readonly timeoutMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Called with how far this machine's clock is ahead of Buildkite's, to about a second. */
  readonly onClock?: (skewMs: number) => void;
  readonly limited?: Pick<LimitedLog, "warn">;
}

/** The most UUIDs, jobs or notifications in one call. */
const BATCH = 1000;
/** Buildkite takes 256 characters of a notification, and 4 KB of the reason for a job's end. */
const LONGEST_NOTE = 256;
const LONGEST_DETAIL_BYTES = 4096;

/**
 * The calls by the limits that they share, in calls a second for all replicas together, as
 * documented. The limit of registering and of tokens isn't documented, and counts as `default`.
 */
const LIMITS = { list: 10, reserve: 10, states: 20, finish: 100, notify: 200, tokens: 10, register: 10 } as const;
type Scope = keyof typeof LIMITS;

interface Call {
  readonly scope: Scope;
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: unknown;
}

/**
 * The calls of one queue's stack. Each one waits for its turn, and rejects with an OutsideError if
 * it fails, mostly a StacksError.
 */
export class StacksApi {
  readonly #options: StacksApiOptions;
  readonly #paces = new Map<Scope, Pace>();
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
    const answer = await this.#call({ scope: "register", method: "POST", path: "/stacks/register", body }, registered);
    this.#queueKey = answer.cluster_queue_key ?? queueKey;
  }

  /**
   * Lists jobs of the queue that wait for an agent and aren't reserved, oldest first. `after`: the
   * cursor from the page before, undefined for the first one.
   */
  async listPage(after: string | undefined): Promise<ListPage> {
    const query = new URLSearchParams({ queue_key: this.#queueKey, limit: String(BATCH), ...(after && { after }) });
    const path = `${this.#stack()}/scheduled-jobs?${query.toString()}`;
    const answer = await this.#call({ scope: "list", method: "GET", path }, page);
    const { dispatch_paused: dispatchPaused, paused } = answer.cluster_queue ?? {};
    return {
      buildkiteJobs: answer.jobs.map((raw) => this.#toBuildkiteJob(raw)),
      paused: dispatchPaused ?? paused ?? false,
      next: (answer.page_info?.has_next_page === true && answer.page_info.end_cursor) || undefined,
    };
  }

  /** Reserves jobs, or extends their reservations. Resolves to those that are ours now. */
  async reserve(ids: readonly string[], seconds: number): Promise<Set<string>> {
    const ours = new Set<string>();
    const path = `${this.#stack()}/scheduled-jobs/batch-reserve`;
    for (const batch of batches(ids)) {
      const body = { job_uuids: batch, reservation_expiry_seconds: seconds };
      const answer = await this.#call({ scope: "reserve", method: "PUT", path, body }, reserved);
      for (const id of answer.reserved) ours.add(id);
    }
    return ours;
  }

  /**
   * Tokens by job UUID. Each is valid for one reserved job, for `lifetimeSeconds` (3,600 at most),
   * but no longer than the job's reservation is at this moment.
   */
  async issueTokens(ids: readonly string[], lifetimeSeconds: number): Promise<Map<string, AcquisitionToken>> {
    const tokens = new Map<string, AcquisitionToken>();
    const path = `${this.#stack()}/job-acquisition-tokens`;
    for (const batch of batches(ids)) {
      const body = { job_uuids: batch, token_lifetime_seconds: lifetimeSeconds };
      const answer = await this.#call({ scope: "tokens", method: "POST", path, body }, issued);
      for (const { job_uuid: id, job_acquisition_token: token, expires_at: end } of answer.job_acquisition_tokens) {
        const expiresAt = Date.parse(end ?? "");
        tokens.set(id, { token, ...(Number.isNaN(expiresAt) ? {} : { expiresAt }) });
      }
    }
    return tokens;
  }

  /** Where jobs stand, by UUID. */
  async standings(ids: readonly string[]): Promise<Map<string, JobStanding>> {
    const standings = new Map<string, JobStanding>();
    const path = `${this.#stack()}/jobs/get-states`;
    for (const batch of batches(ids)) {
      const body = { job_uuids: batch };
      const answer = await this.#call({ scope: "states", method: "POST", path, body }, states);
      for (const [id, state] of Object.entries(answer.states)) standings.set(id, standingOf(state));
    }
    return standings;
  }

  /**
   * Fails a job that no agent will come for. `detail` is shown on the build's page. Buildkite takes
   * at most 4 KB of it, so it's cut.
   */
  async finish(id: string, detail: string): Promise<void> {
    const path = `${this.#stack()}/jobs/${id}/finish`;
    const body = { exit_status: -1, detail: cutToBytes(detail, LONGEST_DETAIL_BYTES) };
    await this.#call({ scope: "finish", method: "POST", path, body }, z.unknown());
  }

  /**
   * Shows notes on their jobs' builds. Buildkite takes at most 256 characters of each, so they're
   * cut, and at most 100 for a job. It only logs those that Buildkite didn't take.
   */
  async notify(notes: readonly Note[]): Promise<void> {
    const path = `${this.#stack()}/notifications`;
    for (const batch of batches(notes)) {
      const body = {
        notifications: batch.map(({ id, detail }) => ({ job_uuid: id, detail: cutToChars(detail, LONGEST_NOTE) })),
      };
      const answer = await this.#call({ scope: "notify", method: "POST", path, body }, notified);
      for (const { error, indexes } of answer.errors ?? []) {
        const fields = { reason: error, notes: indexes.length };
        this.#options.limited?.warn(`note:${error}`, fields, "Buildkite refused some notifications for builds");
      }
    }
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

  async #call<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
    const { timeoutMs = 10_000 } = this.#options;
    const name = `${call.method} ${call.path.replace(/\?.*/, "")}`;
    const pace = this.#paceOf(call.scope);
    const leftMs = await pace.turn(timeoutMs);
    if (leftMs > 0) {
      const message = `not sent, as Buildkite has asked for a pause: ${Math.ceil(leftMs / 1000)} s are left`;
      throw new StacksError(name, 429, { message, retryAfterMs: leftMs });
    }
    const { response, text } = await this.#send(call, timeoutMs).catch((cause: unknown) => {
      pace.learn({ code: 0 });
      throw new StacksError(name, 0, { cause });
    });
    const { headers, status: code } = response;
    const pauseMs = pauseIn(code, headers);
    pace.learn({
      code,
      limit: numberIn(headers.get("ratelimit-limit")),
      remaining: numberIn(headers.get("ratelimit-remaining")),
      pauseMs,
    });
    this.#compareClocks(headers.get("date"));
    const body = parseJson(text);
    if (!response.ok) throw new StacksError(name, code, { message: saidIn(body), retryAfterMs: pauseMs });
    const parsed = schema.safeParse(body);
    if (!parsed.success) {
      const fields = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
      throw new OutsideError(`Buildkite's Stacks API: ${name}: unexpected answer, at: ${fields}`);
    }
    return parsed.data;
  }

  #send({ method, path, body }: Call, timeoutMs: number): Promise<{ response: Response; text: string }> {
    const { endpoint, agentToken } = this.#options;
    return abortAfter(timeoutMs, async (signal) => {
      const response = await fetch(endpoint + path, {
        method,
        headers: { authorization: `Token ${agentToken}`, "content-type": "application/json" },
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { response, text: await response.text() };
    });
  }

  #paceOf(scope: Scope): Pace {
    const pace = this.#paces.get(scope) ?? new Pace(LIMITS[scope]);
    this.#paces.set(scope, pace);
    return pace;
  }

  #compareClocks(date: string | null): void {
    const { now = Date.now, onClock } = this.#options;
    const theirs = Date.parse(date ?? "");
    // The header has whole seconds: on average, it's half a second late.
    if (!Number.isNaN(theirs)) onClock?.(now() - (theirs + 500));
  }
}

/**
 * How long Buildkite asks to wait. The RateLimit-Reset that each answer has says nothing about
 * other failures than a 429.
 */
function pauseIn(code: number, headers: Headers): number | undefined {
  const asked = [headers.get("retry-after"), code === 429 ? headers.get("ratelimit-reset") : null]
    .map(numberIn)
    .filter((seconds) => seconds !== undefined);
  return code < 400 || asked.length === 0 ? undefined : Math.min(Math.max(...asked) * 1000, LONGEST_PAUSE_MS);
}

/** Undefined unless the header is a finite number that isn't negative. */
function numberIn(header: string | null): number | undefined {
  const number = Number(header ?? Number.NaN);
  return header?.trim() !== "" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** Undefined if it isn't JSON. The engine's own error would quote the text. */
function parseJson(text: string): unknown {
  try {
    return text === "" ? {} : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** As much of a text's beginning as fits into so many bytes of UTF-8, without half a character. */
function cutToBytes(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}

/** The start of a text that has at most so many UTF-16 units, without half a character at its end. */
function cutToChars(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}

function* batches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += BATCH) yield all.slice(start, start + BATCH);
}
