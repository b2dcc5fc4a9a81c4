/** The public port: POST /webhooks/buildkite. Everything is refused that is not authentic, before a byte of it is parsed. */
import { createServer } from "node:http";
import express, { type NextFunction, type Request, type Response } from "express";
import { listen } from "../listen.ts";
import type { Logger } from "../log.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DispatchMetrics } from "./dispatch-metrics.ts";
import { parseEvent } from "./event.ts";
import { checkAuthenticity, type WebhookSecrets } from "./signature.ts";

export interface WebhookServerOptions {
  /** Every address where it is undefined. */
  readonly host: string | undefined;
  readonly port: number;
  readonly secrets: WebhookSecrets;
  readonly deliveries: Deliveries;
  readonly metrics: DispatchMetrics;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface WebhookServer {
  readonly port: number;
  /** Serves on for `windowMs`, asking clients to leave, then accepts no more; resolves once the last answer is out or `deadlineMs` later. */
  readonly drain: (windowMs: number, deadlineMs: number) => Promise<void>;
  /** Ends at once. */
  readonly close: () => void;
}

/** Build environments and meta-data are part of a payload; documented events are some 10 KB. */
const BODY_LIMIT_BYTES = 1024 * 1024;

/** @throws where it cannot listen, as {@link listen} does. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  let draining = false;
  const app = express();
  app.disable("x-powered-by").disable("etag");
  app.use((_request, response, next) => {
    if (draining) response.setHeader("connection", "close");
    next();
  });
  // The signature is over the bytes as they were sent, so they are neither parsed nor inflated here.
  const rawBody = express.raw({ type: "application/json", limit: BODY_LIMIT_BYTES, inflate: false });
  app.post("/webhooks/buildkite", rawBody, (request, response) => receive(options, request, response));
  app.use((_request, response) => {
    response.status(404).json({ error: "served here: POST /webhooks/buildkite" });
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    options.metrics.delivery("rejected", status === 413 ? "too-large" : status < 500 ? "unreadable" : "error");
    if (status >= 500) options.log.error({ err: error }, "a delivery failed");
    response.status(status).json({ error: status === 413 ? `more than ${BODY_LIMIT_BYTES} bytes` : "cannot be read" });
  });

  const server = createServer({ headersTimeout: 15_000, requestTimeout: 30_000, keepAliveTimeout: 75_000 }, app);
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

async function receive(options: WebhookServerOptions, request: Request, response: Response): Promise<void> {
  const { secrets, deliveries, metrics, log, now } = options;
  const body: unknown = request.body;
  const refuse = (status: number, reason: string): void => {
    metrics.delivery("rejected", reason);
    log.warn({ reason }, "a delivery was refused");
    response.status(status).json({ error: reason });
  };
  if (!Buffer.isBuffer(body)) {
    refuse(415, "content-type-not-json");
    return;
  }
  const headers = { signature: request.get("x-buildkite-signature"), token: request.get("x-buildkite-token") };
  const authenticity = checkAuthenticity(secrets, headers, body, now());
  if (authenticity.kind === "rejected") {
    refuse(401, `signature-${authenticity.reason}`);
    return;
  }
  const payload = parseJson(body);
  if (payload === undefined) {
    refuse(400, "not-json");
    return;
  }
  const event = parseEvent(request.get("x-buildkite-event"), payload);
  if (event.kind === "malformed") log.warn({ fields: event.fields }, "a delivery lacks what it should have");
  const { status, ...answer } = await deliveries.handle(event);
  response.status(status).json(answer);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

/** body-parser's errors bear the status that they mean. */
function statusOf(error: unknown): number {
  const status = typeof error === "object" && error !== null && "status" in error ? error.status : undefined;
  return typeof status === "number" && status >= 400 && status < 500 ? status : 500;
}
