/** Errors as people read them. */

/** An error's message, without its class and its stack. Anything that isn't an Error, as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Something outside of Curfew didn't do what it was asked to, such as an API that's down, or that
 * refuses. The message says it all, so it's logged in one line. Any other error is unexpected, and
 * is logged with its stack and its causes.
 */
export class OutsideError extends Error {}

/** An error as the fields of a log line. pino logs `err` with its stack and its causes. */
export function describeError(error: unknown): { readonly reason: string } | { readonly err: unknown } {
  return error instanceof OutsideError ? { reason: error.message } : { err: error };
}
