/** How calls to the Stacks API fail. */
import { OutsideError } from "../../process/errors.ts";

/** What Buildkite says about a failure, as far as it says anything. */
export interface StacksFailure {
  /** Buildkite's own message. */
  readonly message?: string | undefined;
  /** How long it asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A call that failed. `code` is the HTTP status code, or 0 if no answer came. */
export class StacksError extends OutsideError {
  readonly code: number;
  readonly retryAfterMs: number | undefined;

  constructor(call: string, code: number, { message, retryAfterMs, cause }: StacksFailure = {}) {
    const said = message === undefined ? "" : `: ${message}`;
    super(`Buildkite's Stacks API: ${call}: ${code === 0 ? "no answer" : `HTTP ${code}`}${said}`, { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same call can succeed later: Buildkite was too busy, or couldn't answer. */
  get mayPass(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }
}

const LONGEST_MESSAGE = 300;

/** The `message` of an error's JSON body, in one line that's short enough for a log. */
export function saidIn(body: unknown): string | undefined {
  const message = (body as { message?: unknown } | null | undefined)?.message;
  if (typeof message !== "string") return undefined;
  // Control characters and the separators of lines and paragraphs would break a line of the log.
  const clean = message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return clean === "" ? undefined : clean.slice(0, LONGEST_MESSAGE);
}
