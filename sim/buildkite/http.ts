/** What the fake's two APIs share. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";

export interface FakeCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path without the API's prefix. */
  readonly url: URL;
  /** Parsed JSON, bytes, or undefined if there's no body. */
  readonly body: unknown;
}

/** Sends an answer, as JSON if it has a body. */
export function answerJson(
  response: ServerResponse,
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/**
 * Reads the body and inflates it. If its type is JSON, it's parsed. Otherwise it stays bytes (an
 * agent's log chunks are gzipped text).
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const bytes = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
  if (bytes.length === 0) return undefined;
  const isJson = request.headers["content-type"]?.startsWith("application/json") ?? false;
  return isJson ? (JSON.parse(bytes.toString()) as unknown) : bytes;
}

/** The token in the Authorization header, or "". */
export function tokenOf({ request }: FakeCall): string {
  return /^Token (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
}
