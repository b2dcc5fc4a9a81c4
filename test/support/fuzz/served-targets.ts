/**
 * Targets behind real listeners: the admission server over TLS, and the receiver of Buildkite's
 * webhooks.
 */
import { Agent, request as httpRequest } from "node:http";
import { connect as connectTls } from "node:tls";
import { KubeConfig } from "@kubernetes/client-node";
import fc from "fast-check";
import { Registry } from "prom-client";
import { createPlanner } from "../../../src/planner/planner.ts";
import { startDispatcher } from "../../../src/dispatch/dispatcher.ts";
import { createLogger } from "../../../src/process/log.ts";
import { reviewOf, startTestAdmission, type Answer } from "../admission/admission.ts";
import { startApiServer } from "../../../sim/api-server/api-server.ts";
import { SECRET, testConfig } from "../dispatch/config.ts";
import { signatureOf } from "../../../sim/buildkite/webhook.ts";
import { DELIVERIES, REVIEWS } from "./corpus.ts";
import { damagedBytes, damagedJson } from "./damage.ts";
import { hold, target, type FuzzTarget } from "./target.ts";

export interface ServedTargets {
  readonly targets: readonly FuzzTarget[];
  readonly close: () => Promise<void>;
}

export async function serveAdmission(): Promise<ServedTargets> {
  const admission = await startTestAdmission(createPlanner({}));
  const check = ({ status, body }: Pick<Answer, "status" | "body">): void => {
    hold(status < 500, `HTTP ${status}`);
    hold(kindOf(body) === (status === 200 ? "AdmissionReview" : "Status"), `HTTP ${status} with a ${kindOf(body)}`);
  };
  const bodies = REVIEWS.map((review) => JSON.stringify(review));
  const body = JSON.stringify(reviewOf({}));
  const head = `POST /mutate?timeout=5s HTTP/1.1\r\nHost: curfew\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nAccept: */*\r\n\r\n`;
  return {
    targets: [
      target("reviews over TLS, their bytes damaged", 30_000, damagedBytes(bodies), async (bytes) => {
        check(await admission.post(bytes));
      }),
      target("other bodies over TLS", 10_000, fc.oneof(fc.json(), fc.uint8Array({ maxLength: 50 })), async (bytes) => {
        check(await admission.post(bytes));
      }),
      target("heads of requests over TLS, their bytes damaged", 3_000, damagedBytes([head]), async (bytes) => {
        const answer = await sendRaw(admission.port, admission.ca, Buffer.concat([bytes, Buffer.from(body)]));
        for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d+) /gm)) hold(Number(status) < 500, answer);
      }),
    ],
    close: () => {
      admission.close();
      return Promise.resolve();
    },
  };
}

export async function serveWebhooks(): Promise<ServedTargets> {
  const api = await startApiServer();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig);
  const dispatcher = await startDispatcher({
    config: testConfig(),
    kubeConfig,
    registry: new Registry(),
    log: createLogger("dispatch", "silent"),
    host: "127.0.0.1",
    port: 0,
  });
  const agent = new Agent({ keepAlive: true });
  const send = async (bytes: Uint8Array, headers: Readonly<Record<string, string>>): Promise<void> => {
    const { status, text } = await post(dispatcher.port, agent, bytes, headers);
    hold(status < 500, `HTTP ${status}: ${text}`);
    hold(text.startsWith("{") && text.length < 500, `an answer in an unexpected form: ${text}`);
  };
  /** Signs the damaged bytes, so they get past the check of the signature. */
  const sendSigned = (bytes: Uint8Array): Promise<void> =>
    send(bytes, { "x-buildkite-signature": signatureOf(SECRET, Math.floor(Date.now() / 1000), bytes) });
  const names = ["x-buildkite-signature", "x-buildkite-token", "x-buildkite-event", "content-type", "content-encoding"];
  const value = fc.oneof(
    fc.string({ maxLength: 200 }).map((text) => text.trim()),
    fc.constantFrom(
      "application/json",
      "application/json; charset=x",
      "gzip",
      "timestamp=1,signature=",
      "job.scheduled",
    ),
  );
  const bodies = DELIVERIES.map((delivery) => JSON.stringify(delivery));
  return {
    targets: [
      target("Buildkite's webhooks over HTTP, their bytes damaged", 20_000, damagedBytes(bodies), sendSigned),
      target("Buildkite's webhooks over HTTP, their values damaged", 20_000, damagedJson(DELIVERIES), (delivery) =>
        sendSigned(Buffer.from(JSON.stringify(delivery))),
      ),
      target(
        "headers of Buildkite's webhooks",
        20_000,
        fc.tuple(fc.constantFrom(...bodies), fc.dictionary(fc.constantFrom(...names), value)),
        ([text, headers]) => send(Buffer.from(text), headers),
      ),
    ],
    async close() {
      agent.destroy();
      dispatcher.close();
      await api.close();
    },
  };
}

function kindOf(body: unknown): string {
  return (body as { kind?: string } | undefined)?.kind ?? "body without a kind";
}

/**
 * Sends bytes on their own connection, and reads until it's closed. Rejects if it hangs for ten
 * seconds.
 */
function sendRaw(port: number, ca: string, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connectTls({ port, host: "127.0.0.1", ca }, () => socket.end(bytes));
    socket.setTimeout(10_000, () => socket.destroy(new Error("the connection hangs")));
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
    socket.on("close", () => {
      resolve(answer);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
  });
}

function post(
  port: number,
  agent: Agent,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, agent, path: "/webhooks/buildkite", method: "POST" };
    const sent = httpRequest(
      { ...options, headers: { "content-type": "application/json", ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      },
    );
    sent.on("error", reject).end(bytes);
  });
}
