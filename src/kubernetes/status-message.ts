/**
 * The `message` of a meta/v1 Status, whether it's parsed or still text. Undefined for anything
 * else, such as a proxy's HTML.
 */
export function statusMessage(body: unknown): string | undefined {
  try {
    const status: unknown = typeof body === "string" ? JSON.parse(body) : body;
    const message = typeof status === "object" && status !== null && "message" in status ? status.message : undefined;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
