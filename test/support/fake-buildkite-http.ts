/** What the fake's two APIs share. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";

export interface FakeCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path without the API's prefix. */
  readonly url: URL;
  readonly body: unknown;
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/** The body as JSON, or as text where it is none (an agent's log chunks are gzipped text). */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const text = (
    request.headers["content-encoding"] === "gzip" || (raw[0] === 0x1f && raw[1] === 0x8b) ? gunzipSync(raw) : raw
  ).toString();
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return text;
  }
}

export function tokenOf({ request }: FakeCall): string {
  return /^Token (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
}
