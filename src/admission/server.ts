/** The HTTPS server that the API server calls: limits, timeouts, certificates and draining. */
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { createConnections } from "../http/connections.ts";
import { createDraining, type Draining } from "../http/drain.ts";
import { listen } from "../http/listen.ts";
import type { Logger } from "../process/log.ts";
import { createHandler } from "./handler.ts";
import type { AdmissionMetrics } from "./metrics.ts";
import { statusBody, type ErrorCode } from "./respond.ts";
import type { Planner } from "../planner/planner.ts";
import type { ServingCertificate } from "./serving-certificate.ts";

export interface AdmissionServerOptions {
  /** All addresses if it's undefined. */
  readonly host: string | undefined;
  readonly port: number;
  readonly planner: Planner;
  readonly metrics: AdmissionMetrics;
  readonly log: Logger;
}

export interface AdmissionServer extends Pick<Draining, "drain" | "close"> {
  readonly port: number;
  /**
   * Sets the certificate for new connections. Open ones keep theirs. Before the first call, TLS
   * handshakes fail.
   */
  readonly setCertificate: (certificate: Pick<ServingCertificate, "cert" | "key">) => void;
}

const TLS_OPTIONS = { minVersion: "TLSv1.2" } as const;

const LIMITS = {
  // Kubernetes lets a webhook take at most 30 s. After that, nobody waits.
  headersTimeout: 32_000,
  requestTimeout: 40_000,
  connectionsCheckingInterval: 5_000,
  handshakeTimeout: 10_000,
  // Go's clients, such as API servers, drop idle connections after 90 s. They must be the ones to
  // do so.
  keepAliveTimeout: 120_000,
  // An API server sends a few hundred bytes.
  maxHeaderSize: 8 * 1024,
} as const;

/**
 * Three API servers with 200 mutating requests in flight each (their default), and as many
 * connections again while they're being replaced.
 */
const MAX_CONNECTIONS = 1_200;

/**
 * Starts the server, and resolves once it listens.
 * @throws if it can't listen, as {@link listen} does.
 */
export async function startAdmissionServer(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const connections = createConnections(MAX_CONNECTIONS);
  const server = createServer({ ...TLS_OPTIONS, ...LIMITS }, (request, response) => {
    connections.spoke(request.socket);
    handler(request, response);
  });
  const { isDraining, drain, close } = createDraining(server);
  const handler = createHandler({ ...options, isDraining });
  // Not `server.maxConnections`, which turns away new connections, even the API server's.
  server.on("connection", connections.opened);
  server.on("clientError", answerClientError);
  const port = await listen(server, options.host, options.port);
  return {
    port,
    setCertificate({ cert, key }) {
      server.setSecureContext({ ...TLS_OPTIONS, cert, key });
    },
    drain,
    close,
  };
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: [431, `A request's headers can have at most ${LIMITS.maxHeaderSize} bytes.`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not arrive in time."],
};

/**
 * Answers in JSON even if the request isn't HTTP, then closes the connection, which can't be used
 * any more.
 */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [code, message] = CLIENT_ERRORS[error.code ?? ""] ?? [400, "The request is not HTTP/1.1."];
  const body = statusBody(code, message);
  socket.end(
    `HTTP/1.1 ${code} ${code === 400 ? "Bad Request" : "Refused"}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
