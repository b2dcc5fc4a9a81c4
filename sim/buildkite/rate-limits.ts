/**
 * The Stacks API's rate limits, as documented at
 * https://buildkite.com/docs/apis/agent-api/stacks#rate-limiting: one per scope and stack, each in
 * a sliding window of one second, with RateLimit-* headers on every answer. What that page leaves
 * open and is guessed here is marked "inferred".
 */

/** Requests a second, by scope. */
const LIMITS = {
  "list-scheduled-jobs": 10,
  "batch-reserve": 10,
  "batch-load-job-states": 20,
  "finish-job": 100,
  "stack-notification": 200,
  // Documented for deregistering. The table names neither registering nor the acquisition tokens;
  // that they share this limit is inferred.
  default: 10,
} as const;

export type RateLimitScope = keyof typeof LIMITS;

const WINDOW_MS = 1000;

/** The scope of a call, `METHOD /path` without the stack. */
export function scopeOf(action: string): RateLimitScope {
  if (action === "GET /scheduled-jobs") return "list-scheduled-jobs";
  if (action === "PUT /scheduled-jobs/batch-reserve") return "batch-reserve";
  if (action === "POST /jobs/get-states") return "batch-load-job-states";
  if (action === "POST /notifications") return "stack-notification";
  return /^POST \/jobs\/[^/]+\/finish$/.test(action) ? "finish-job" : "default";
}

export interface RateLimitVerdict {
  readonly headers: Record<string, string>;
  /** The body of the 429, if the call is one too many. */
  readonly refusal?: object;
}

export class RateLimits {
  /** When the calls of the last second came, by stack and scope. */
  readonly #calls = new Map<string, number[]>();
  readonly #now: () => number;
  /**
   * What the documented limits are multiplied by: 1 is Buildkite itself, 0.1 a tenth of its rate.
   * It can change at any time.
   */
  factor: number;

  /** @param now milliseconds of a clock that never jumps */
  constructor(factor: number, now = (): number => performance.now()) {
    this.factor = factor;
    this.#now = now;
  }

  /** Counts a call, and says whether it's within its limit. */
  judge(stack: string, scope: RateLimitScope): RateLimitVerdict {
    const limit = Math.max(1, Math.round(LIMITS[scope] * this.factor));
    const now = this.#now();
    const key = `${stack}/${scope}`;
    const calls = (this.#calls.get(key) ?? []).filter((at) => now - at < WINDOW_MS);
    // Refused calls count, too (inferred: the documented body's `current` is one over its `limit`).
    calls.push(now);
    this.#calls.set(key, calls);
    // Seconds until the oldest call leaves the window, which is always 1 (inferred).
    const reset = Math.ceil((WINDOW_MS - (now - (calls[0] ?? now))) / 1000);
    const headers = {
      "ratelimit-scope": scope,
      "ratelimit-limit": String(limit),
      "ratelimit-remaining": String(Math.max(0, limit - calls.length)),
      "ratelimit-reset": String(reset),
    };
    if (calls.length <= limit) return { headers };
    const message = `You have exceeded your API rate limit. Please wait ${reset} seconds before making more requests.`;
    return { headers, refusal: { message, scope, limit, current: calls.length, reset } };
  }
}
