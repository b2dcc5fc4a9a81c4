/**
 * Buildkite as the dispatcher and its agents see it, in this process: its jobs over HTTP, by the
 * Stacks API and by the agent API that a real buildkite-agent runs a job against.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serveAgentApi } from "./agent-api.ts";
import { answerJson, readBody } from "./http.ts";
import { BuildkiteJobs } from "./jobs.ts";
import { serveStacksApi } from "./stacks-api.ts";

const PREFIX = "/v3";

export class FakeBuildkite extends BuildkiteJobs {
  readonly #server = createServer();

  /** `host`: an address of this machine, for instance one that Pods reach. */
  async listen(host = "127.0.0.1"): Promise<this> {
    this.#server.on("request", (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        answerJson(response, 500, { message: String(error) });
      });
    });
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    this.endpoint = `http://${host}:${(this.#server.address() as AddressInfo).port}${PREFIX}`;
    return this;
  }

  /** Stops listening, and ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const body = await readBody(request);
    response.setHeader("date", new Date(this.now()).toUTCString());
    if (!url.pathname.startsWith(`${PREFIX}/`)) {
      answerJson(response, 404, { message: "Not Found" });
      return;
    }
    url.pathname = url.pathname.slice(PREFIX.length);
    const serve = url.pathname.startsWith("/stacks/") ? serveStacksApi : serveAgentApi;
    serve(this, { request, response, url, body });
  }
}
