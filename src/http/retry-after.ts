/** Nobody means to be asked again later than this; a longer pause is a mistake of whoever sent it. */
const MAX_SECONDS = 3600;

/** Milliseconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3). Undefined if it's absent, or no number of seconds. */
export function retryAfterMs(header: string | null | undefined): number | undefined {
  if (header == null || header.trim() === "") return undefined;
  const seconds = Number(header);
  return seconds >= 0 && seconds <= MAX_SECONDS ? seconds * 1000 : undefined;
}
