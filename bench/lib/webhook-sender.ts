/** Signed webhooks of Buildkite, many at once. */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { signatureOf, webhookPayload } from "../../test/support/fake-buildkite-webhook.ts";

/** How many requests are open at once, to the dispatcher and to the API server alike. */
export const CONNECTIONS = 64;

export function webhookSender(
  port: number,
  secret: string,
): { readonly send: () => Promise<number>; readonly close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  return {
    /** Milliseconds until the answer that its Job is created. */
    send() {
      const body = JSON.stringify(webhookPayload("job.scheduled", { id: randomUUID() }));
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-buildkite-signature": signatureOf(secret, Math.floor(Date.now() / 1000), body),
      };
      const start = performance.now();
      return new Promise((resolve, reject) => {
        const sent = request(
          { port, host: "127.0.0.1", path: "/webhooks/buildkite", method: "POST", agent, headers },
          (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => (text += chunk.toString()));
            response.on("end", () => {
              if (text.includes('"created"')) resolve(performance.now() - start);
              else reject(new Error(`${String(response.statusCode)}: ${text}`));
            });
          },
        );
        sent.on("error", reject).end(body);
      });
    },
    close() {
      agent.destroy();
    },
  };
}

/** Keeps CONNECTIONS calls open until `count` are done; what each resolved to. */
export async function inParallel(count: number, call: () => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < count) {
      started++;
      results.push(await call());
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return results;
}
