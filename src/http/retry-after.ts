/** A longer pause must be a mistake. */
const MAX_SECONDS = 3600;

/**
 * How many milliseconds a `Retry-After` header asks to wait (RFC 9110, section 10.2.3). Undefined
 * if it's absent, isn't a number of seconds, or asks for more than an hour.
 */
export function retryAfterMs(header: string | null | undefined): number | undefined {
  if (header == null || header.trim() === "") return undefined;
  const seconds = Number(header);
  return seconds >= 0 && seconds <= MAX_SECONDS ? seconds * 1000 : undefined;
}
