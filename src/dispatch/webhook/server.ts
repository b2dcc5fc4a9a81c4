/** The public port, POST /webhooks/buildkite: limits, timeouts, the end of its life. It may be reached from the internet. */
import { createServer } from "node:http";
import express, { type NextFunction, type Request, type Response } from "express";
import { createConnections } from "../../http/connections.ts";
import { listen } from "../../http/listen.ts";
import { createReceiver, type ReceiverOptions } from "./receive.ts";

export interface WebhookServerOptions extends Omit<ReceiverOptions, "onAuthentic"> {
  /** Every address where it is undefined. */
  readonly host: string | undefined;
  readonly port: number;
  /** Fewer in tests. */
  readonly maxConnections?: number;
}

export interface WebhookServer {
  readonly port: number;
  /** Serves on for `windowMs`, asking clients to leave, then accepts no more; resolves once the last answer is out or `deadlineMs` later. */
  readonly drain: (windowMs: number, deadlineMs: number) => Promise<void>;
  /** Ends at once. */
  readonly close: () => void;
}

const LIMITS = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than proxies keep theirs: the side that uses a connection must be the one that ends it.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 8 * 1024,
} as const;

/** A burst has as many deliveries as a build has jobs, at most 4,000, and through a proxy they share connections. */
const MAX_CONNECTIONS = 2_400;

/** @throws where it cannot listen, as {@link listen} does. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  let draining = false;
  const app = express();
  app.disable("x-powered-by").disable("etag");
  const connections = createConnections(options.maxConnections ?? MAX_CONNECTIONS);
  const receive = createReceiver({
    ...options,
    // Only these count: anybody can send a request.
    onAuthentic: ({ socket }) => {
      connections.spoke(socket);
    },
  });
  app.post("/webhooks/buildkite", receive);
  app.use((_request, response) => {
    response.status(404).json({ error: "served here: POST /webhooks/buildkite" });
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    options.metrics.delivery("rejected", "error");
    options.log.error({ err: error }, "a delivery failed");
    response.status(500).json({ error: "a bug of Curfew's own: see its log" });
  });

  const server = createServer(LIMITS, (request, response) => {
    if (draining) response.setHeader("connection", "close");
    app(request, response);
  });
  server.on("connection", connections.opened);
  const port = await listen(server, options.host, options.port);
  return {
    port,
    async drain(windowMs, deadlineMs) {
      draining = true;
      await new Promise((resolve) => setTimeout(resolve, windowMs));
      const deadline = setTimeout(() => {
        server.closeAllConnections();
      }, deadlineMs);
      // A connection that was busy when the drain began turns idle later, and nobody else would end it.
      const idle = setInterval(() => {
        server.closeIdleConnections();
      }, 50);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(idle);
      clearTimeout(deadline);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
