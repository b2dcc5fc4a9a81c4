/** Errors as people read them. */

/** What an error says, without its class and its stack. What isn't an Error is said as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Something outside of Curfew didn't do what it was asked: an API that is down, or that refuses. Its message says all there is to say,
 * so it's logged in one line. Any other error is a surprise, and is logged with its stack and its causes.
 */
export class OutsideError extends Error {}

/** An error as the fields of a log line. */
export function describeError(error: unknown): { readonly reason: string } | { readonly err: unknown } {
  return error instanceof OutsideError ? { reason: error.message } : { err: error };
}
