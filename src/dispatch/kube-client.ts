/**
 * HTTP to the Kubernetes API server with client-node's credentials. client-node's own typed API is passed by for two reasons: it drops
 * the fields of a Job that its models don't know, and it makes a new connection pool for each request, so that no connection lives on.
 */
import { createConfiguration, HttpMethod, RequestContext, type KubeConfig } from "@kubernetes/client-node";

export interface KubeResponse {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  text(): Promise<string>;
  stream(): ReadableStream<Uint8Array> | null;
}

/** No answer came: refused, reset, timed out, TLS. The API server may or may not have carried the request out. */
export class KubeUnreachableError extends Error {
  constructor(cause: unknown) {
    const why =
      cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
    super(`the Kubernetes API server did not answer: ${why}`, { cause });
  }
}

/** Tokens are good for an hour and are renewed at 80 % of that; certificates and CA bundles change far more rarely. */
const CREDENTIALS_MS = 30_000;
const CONNECTIONS_MS = 3_600_000;

type Dispatcher = NonNullable<ReturnType<RequestContext["getDispatcher"]>>;

export class KubeClient {
  readonly #config: KubeConfig;
  readonly #http = createConfiguration().httpApi;
  readonly #server: string;
  #headers: Promise<Readonly<Record<string, string>>> | undefined;
  #headersUntil = 0;
  #dispatcher: Dispatcher | undefined;
  #dispatcherUntil = 0;

  /** @throws where the kubeconfig has no current cluster. */
  constructor(config: KubeConfig) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error("the kubeconfig has no current cluster");
    this.#config = config;
    this.#server = server.replace(/\/+$/, "");
  }

  /** @throws KubeUnreachableError */
  async request(method: HttpMethod, path: string, body: unknown, signal: AbortSignal): Promise<KubeResponse> {
    try {
      const context = new RequestContext(this.#server + path, method);
      for (const [name, value] of Object.entries(await this.#credentials())) context.setHeaderParam(name, value);
      if (this.#dispatcher) context.setDispatcher(this.#dispatcher);
      context.setHeaderParam("Accept", "application/json");
      if (body !== undefined) {
        context.setHeaderParam("Content-Type", "application/json");
        context.setBody(JSON.stringify(body));
      }
      context.setSignal(signal);
      const response = await this.#http.send(context).toPromise();
      if (response.httpStatusCode === 401) this.#headers = undefined;
      return {
        code: response.httpStatusCode,
        headers: response.headers,
        text: () => response.body.text(),
        stream: () => response.body.stream(),
      };
    } catch (cause) {
      throw new KubeUnreachableError(cause);
    }
  }

  #credentials(): Promise<Readonly<Record<string, string>>> {
    const now = Date.now();
    if (this.#headers === undefined || now > this.#headersUntil) {
      this.#headers = this.#readCredentials(now);
      this.#headersUntil = now + CREDENTIALS_MS;
      // What failed is tried again by the next request; this one's caller sees the error.
      this.#headers.catch(() => (this.#headers = undefined));
    }
    return this.#headers;
  }

  async #readCredentials(now: number): Promise<Readonly<Record<string, string>>> {
    const context = new RequestContext(this.#server, HttpMethod.GET);
    await this.#config.applySecurityAuthentication(context);
    if (this.#dispatcher === undefined || now > this.#dispatcherUntil) {
      // The old pool's requests end as they would; its idle connections close by themselves.
      this.#dispatcher = context.getDispatcher();
      this.#dispatcherUntil = now + CONNECTIONS_MS;
    }
    return context.getHeaders();
  }
}
