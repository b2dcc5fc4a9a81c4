/** Watches of the API server. */
import https from "node:https";
import type { IncomingMessage } from "node:http";
import { connect } from "./api.ts";

export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

/**
 * A collection's events until `signal` aborts, first those for existing objects.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
 */
export async function* watch<T>(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
  const { server, agent, headers } = connect();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    https.get(`${server}${path}?watch=true`, { agent, headers, signal }, resolve).on("error", reject);
  });
  if (response.statusCode !== 200) throw new Error(`cannot watch ${path}: ${response.statusCode ?? 0}`);
  let rest = "";
  try {
    for await (const text of response.setEncoding("utf8")) {
      const lines = (rest + String(text)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as WatchEvent<T>;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
