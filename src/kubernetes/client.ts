/**
 * HTTP to the Kubernetes API server, with client-node's credentials. There are three reasons not to
 * use client-node's typed API: it drops fields of a Job that its models don't know, it makes a new
 * connection pool for each request, so no connection is used again, and its thousand models take 80
 * MiB.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type AgentOptions, type RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { onTimeout } from "../process/deadline.ts";
import { messageOf, OutsideError } from "../process/errors.ts";

export interface KubeResponse {
  readonly code: number;
  readonly headers: IncomingMessage["headers"];
  text(): Promise<string>;
  stream(): AsyncIterable<Uint8Array>;
}

/**
 * No answer came: the connection was refused or reset, TLS failed, or time ran out. The API server
 * may or may not have carried out the request.
 */
export class KubeUnreachableError extends OutsideError {
  constructor(cause: unknown) {
    super(`the Kubernetes API server did not answer: ${messageOf(cause)}`, {
      cause,
    });
  }
}

export interface KubeRequest {
  /** PATCH: `body` is a JSON merge patch. */
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** The media types that the answer can have. Default: JSON. */
  readonly accept?: string;
  /** How long the whole request can take, until the answer's end. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * How long credentials are used before they're read again. Tokens are valid for an hour, and
 * kubelet renews them long before that. Certificates and CA bundles change far less often.
 */
const CREDENTIALS_MS = 30_000;
/**
 * How many idle connections to keep. Requests other than watches are short, and the API server's
 * own limit is 400 requests at once from all its clients (--max-requests-inflight).
 */
const MAX_SOCKETS = 64;

interface Access {
  readonly agent: HttpAgent | HttpsAgent;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A client for the current cluster of a kubeconfig. It keeps its connections until its credentials
 * change.
 */
export class KubeClient {
  readonly #config: KubeConfig;
  readonly #server: URL;
  #access: Promise<Access> | undefined;
  #accessUntil = 0;
  #agent: { readonly key: string; readonly agent: HttpAgent | HttpsAgent } | undefined;

  /** @throws if the kubeconfig has no current cluster. */
  constructor(config: KubeConfig) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error("the kubeconfig has no current cluster");
    this.#config = config;
    this.#server = new URL(server);
  }

  /**
   * Sends a request, and resolves when the answer's head has come, whatever its status code.
   * @throws KubeUnreachableError
   */
  async request({
    method,
    path,
    body,
    accept = "application/json",
    timeoutMs,
    signal,
  }: KubeRequest): Promise<KubeResponse> {
    try {
      const { agent, headers: given } = await this.#credentials();
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = { ...given, accept, ...(text !== undefined && describe(method, text)) };
      const response = await send(
        this.#server,
        { method, path, agent, headers, ...(signal && { signal }) },
        text,
        timeoutMs,
      );
      if (response.statusCode === 401) this.#access = undefined;
      return {
        code: response.statusCode ?? 0,
        headers: response.headers,
        text: () => readText(response),
        stream: () => response,
      };
    } catch (cause) {
      throw new KubeUnreachableError(cause);
    }
  }

  #credentials(): Promise<Access> {
    const now = Date.now();
    if (this.#access === undefined || now > this.#accessUntil) {
      this.#access = this.#readCredentials();
      this.#accessUntil = now + CREDENTIALS_MS;
      // If it fails, the next request tries again. The caller of this one sees the error.
      this.#access.catch(() => (this.#access = undefined));
    }
    return this.#access;
  }

  async #readCredentials(): Promise<Access> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized, auth } = options;
    const tls = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized };
    const given = options.headers as Record<string, string> | undefined;
    const headers = {
      ...given,
      ...(auth != null && { authorization: `Basic ${Buffer.from(auth).toString("base64")}` }),
    };
    return { agent: this.#agentFor(tls), headers };
  }

  /** The same agent, with its connections, as long as the credentials in it are the same. */
  #agentFor(tls: AgentOptions): HttpAgent | HttpsAgent {
    const key = JSON.stringify(tls);
    if (this.#agent?.key !== key) {
      const known = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
      const proxy = this.#config.getCurrentCluster()?.proxyUrl;
      const options = {
        keepAlive: true,
        maxSockets: Infinity,
        maxFreeSockets: MAX_SOCKETS,
        ...(proxy && { proxyEnv: { HTTPS_PROXY: proxy, HTTP_PROXY: proxy } }),
      };
      const agent =
        this.#server.protocol === "http:" ? new HttpAgent(options) : new HttpsAgent({ ...options, ...known });
      this.#agent = { key, agent };
    }
    return this.#agent.agent;
  }
}

function describe(method: KubeRequest["method"], body: string): Record<string, string | number> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  return { "content-type": type, "content-length": Buffer.byteLength(body) };
}

function send(
  server: URL,
  options: RequestOptions,
  body: string | undefined,
  timeoutMs: number,
): Promise<IncomingMessage> {
  const { protocol, hostname, port, pathname } = server;
  const target = {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    path: pathname.replace(/\/+$/, "") + (options.path ?? ""),
  };
  return new Promise((resolve, reject) => {
    const request = (protocol === "http:" ? httpRequest : httpsRequest)({ ...options, ...target }, (response) => {
      exchange = response;
      resolve(response);
    });
    let exchange: { destroy: (error: Error) => unknown } = request;
    // Not abortAfter(): in a burst of creations, a signal for each request would make many more
    // objects.
    const stop = onTimeout(timeoutMs, (error) => exchange.destroy(error));
    request.on("close", stop);
    request.on("error", reject).end(body);
  });
}

/**
 * Reads by events, as this is the hot path and a stream's async iterator makes many more objects.
 */
function readText(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    response.on("error", (cause) => {
      reject(new KubeUnreachableError(cause));
    });
  });
}
