/** The operations port, plain HTTP for kubelet and Prometheus: /healthz, /readyz, /metrics. */
import { createServer, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import { listen } from "./listen.ts";

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

/** @throws where it cannot listen, as {@link listen} does. */
export async function startOpsServer({ host, port, registry, readiness }: OpsServerOptions): Promise<OpsServer> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      send(response, 405, { error: "only GET is served here" });
      return;
    }
    switch (request.url ?? "") {
      case "/healthz":
        send(response, 200, { healthy: true });
        return;
      case "/readyz": {
        const state = readiness();
        send(response, state.ready ? 200 : 503, state);
        return;
      }
      case "/metrics":
        registry.metrics().then(
          (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
          (error: unknown) => {
            send(response, 500, { error: `cannot collect metrics: ${String(error)}` });
          },
        );
        return;
      default:
        send(response, 404, { error: "served here: /healthz, /readyz, /metrics" });
    }
  });
  // Probes and scrapes are small and rare: nobody needs more, and nobody can hold more.
  server.maxConnections = 64;
  const bound = await listen(server, host, port);
  return {
    port: bound,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
