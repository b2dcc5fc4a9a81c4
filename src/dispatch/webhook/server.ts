/**
 * The public port, POST /webhooks/buildkite: limits, timeouts and draining. It can be reached from
 * the internet.
 */
import { createServer } from "node:http";
import express, { type NextFunction, type Request, type Response } from "express";
import { createConnections } from "../../http/connections.ts";
import { createDraining, type Draining } from "../../http/drain.ts";
import { listen } from "../../http/listen.ts";
import { messageOf } from "../../process/errors.ts";
import { createReceiver, type ReceiverOptions } from "./receive.ts";

export interface WebhookServerOptions extends Omit<ReceiverOptions, "onAuthentic"> {
  /** All addresses if it's undefined. */
  readonly host: string | undefined;
  readonly port: number;
  /** Fewer in tests. */
  readonly maxConnections?: number;
}

export interface WebhookServer extends Pick<Draining, "drain" | "close"> {
  readonly port: number;
}

const LIMITS = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than proxies keep theirs: the side that uses a connection must be the one that ends it.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 8 * 1024,
} as const;

/**
 * A burst has as many deliveries as a build has jobs, at most 4,000, and through a proxy they share
 * connections.
 */
const MAX_CONNECTIONS = 2_400;

/**
 * Starts the server, and resolves once it listens.
 * @throws if it can't listen, as {@link listen} does.
 */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const app = express();
  app.disable("x-powered-by").disable("etag");
  const connections = createConnections(options.maxConnections ?? MAX_CONNECTIONS);
  const receive = createReceiver({
    ...options,
    // Only authentic requests count, as anybody can send one.
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
    options.metrics.answered("rejected", "error");
    options.limited.error(`bug:${messageOf(error)}`, { err: error }, "a delivery failed");
    response.status(500).json({ error: "a bug in Curfew: see its log" });
  });

  const server = createServer(LIMITS, (request, response) => {
    if (isDraining()) response.setHeader("connection", "close");
    app(request, response);
  });
  const { isDraining, drain, close } = createDraining(server);
  server.on("connection", connections.opened);
  const port = await listen(server, options.host, options.port);
  return { port, drain, close };
}
