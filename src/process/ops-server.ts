/** The operations port, plain HTTP for kubelet and Prometheus: /healthz, /readyz, /metrics. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createConnections } from "../http/connections.ts";
import { listen } from "../http/listen.ts";
import { messageOf } from "./errors.ts";
import type { Registry } from "./prometheus.ts";

/** * Not by `import`, which reads every export of node:http. One of them, WebSocket, loads undici: 8
 * MiB, and an idle admission server takes 62.
 */
const { createServer } = process.getBuiltinModule("node:http");

/**
 * Whether this process wants traffic, and if not, the reason. Kubelet's events don't repeat the
 * reason (kubernetes/kubernetes, pkg/probe/http/http.go), so log it, too.
 */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface OpsServerOptions {
  /** All addresses if it's undefined. */
  readonly host: string | undefined;
  readonly port: number;
  readonly registry: Registry;
  readonly readiness: () => Readiness;
}

export interface OpsServer {
  readonly port: number;
  readonly close: () => void;
}

const IDLE_TIMEOUT_MS = 10_000;

const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 8 * 1024,
} as const;

/**
 * Probes and scrapes are few. Any Pod can open more connections and send nothing. Then the oldest
 * is closed, so that kubelet still gets in.
 */
const MAX_CONNECTIONS = 512;

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Starts the server, and resolves once it listens.
 * @throws if it can't listen, as {@link listen} does.
 */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const server = createServer(LIMITS, (request, response) => {
    void answerTo(request, options).then((answer) => {
      send(response, answer);
    });
  });
  // One request for each connection, and none that isn't read or written for long.
  server.maxRequestsPerSocket = 1;
  server.setTimeout(IDLE_TIMEOUT_MS);
  server.on("connection", createConnections(MAX_CONNECTIONS).opened);
  const port = await listen(server, options.host, options.port);
  return {
    port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answerTo({ method, url }: IncomingMessage, { registry, readiness }: OpsServerOptions): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") return json(405, { error: "only GET is served here" });
  switch ((url ?? "").replace(/\?.*/, "")) {
    case "/healthz":
      return json(200, { healthy: true });
    case "/readyz": {
      const state = readiness();
      return json(state.ready ? 200 : 503, state);
    }
    case "/metrics":
      try {
        return { code: 200, type: registry.contentType, body: await registry.metrics() };
      } catch (error) {
        return json(500, { error: `cannot collect metrics: ${messageOf(error)}` });
      }
    default:
      return json(404, { error: "served here: /healthz, /readyz, /metrics" });
  }
}

function json(code: number, body: unknown): Answer {
  return { code, type: "application/json", body: JSON.stringify(body) };
}

/**
 * Answers, then closes the connection: a client that asks every ten seconds doesn't need it in
 * between.
 */
function send(response: ServerResponse, { code, type, body }: Answer): void {
  response.shouldKeepAlive = false;
  response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}
