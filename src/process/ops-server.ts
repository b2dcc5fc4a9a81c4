/**
 * The operations port, plain HTTP for kubelet and Prometheus: /healthz, /readyz, /metrics.
 *
 * It is written on node:net, as three paths need no more: a program that imports node:http has undici loaded for the WebSocket that
 * node:http re-exports, 8 MiB of the 65 that an admission server takes at rest.
 */
import { createServer, type Socket } from "node:net";
import { listen } from "../http/listen.ts";
import type { Registry } from "./prometheus.ts";

/** Whether this process wants traffic, and if not, why not, for whoever runs `kubectl describe pod`. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface OpsServerOptions {
  /** Every address where it is undefined. */
  readonly host: string | undefined;
  readonly port: number;
  readonly registry: Registry;
  readonly readiness: () => Readiness;
}

export interface OpsServer {
  readonly port: number;
  readonly close: () => void;
}

/** Probes and scrapes are small and rare. Any Pod may open more, and say nothing: then the oldest goes, so that kubelet always gets in. */
const MAX_CONNECTIONS = 512;
const MAX_REQUEST_BYTES = 8 * 1024;
const IDLE_TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: string;
  readonly type: string;
  readonly body: string;
}

/** @throws where it cannot listen, as {@link listen} does. */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const [oldest] = sockets;
    if (oldest !== undefined && sockets.size >= MAX_CONNECTIONS) {
      // Forgotten at once: many may be opened before it says that it has closed.
      sockets.delete(oldest);
      oldest.destroy();
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, options);
  });
  const port = await listen(server, options.host, options.port);
  return {
    port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** One request, one answer, then the connection ends. */
function serve(socket: Socket, options: OpsServerOptions): void {
  let head = "";
  const onData = (chunk: Buffer): void => {
    head += chunk.toString("latin1");
    if (head.length <= MAX_REQUEST_BYTES && !head.includes("\r\n\r\n")) return;
    socket.off("data", onData).resume();
    void answerTo(head, options).then(({ status, type, body }) => {
      const length = Buffer.byteLength(body);
      const headers = `Content-Type: ${type}\r\nContent-Length: ${length}\r\nConnection: close\r\n`;
      socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n${head.startsWith("HEAD ") ? "" : body}`);
    });
  };
  socket.on("data", onData);
  socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
  // A client that hangs up is no event worth a word.
  socket.on("error", () => socket.destroy());
}

async function answerTo(head: string, { registry, readiness }: OpsServerOptions): Promise<Answer> {
  const [, method, path] = /^(\S+) ([^\s?]+)(?:\?\S*)? HTTP\/1\.[01]\r\n/.exec(head) ?? [];
  if (method === undefined || head.length > MAX_REQUEST_BYTES) {
    return json("400 Bad Request", { error: "this is no HTTP/1.1 request of at most 8 KiB" });
  }
  if (method !== "GET" && method !== "HEAD")
    return json("405 Method Not Allowed", { error: "only GET is served here" });
  switch (path ?? "") {
    case "/healthz":
      return json("200 OK", { healthy: true });
    case "/readyz": {
      const state = readiness();
      return json(state.ready ? "200 OK" : "503 Service Unavailable", state);
    }
    case "/metrics":
      try {
        return { status: "200 OK", type: registry.contentType, body: await registry.metrics() };
      } catch (error) {
        return json("500 Internal Server Error", { error: `cannot collect metrics: ${String(error)}` });
      }
    default:
      return json("404 Not Found", { error: "served here: /healthz, /readyz, /metrics" });
  }
}

function json(status: string, body: unknown): Answer {
  return { status, type: "application/json", body: JSON.stringify(body) };
}
