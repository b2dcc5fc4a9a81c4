/**
 * Buildkite's signed webhooks, many at once. They're sent as cheaply as possible, because normally
 * their sender isn't on the dispatcher's machine.
 */
import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { signatureOf, webhookPayload } from "../../sim/buildkite/webhook.ts";

/** How many requests are open at once, to the dispatcher and to the API server alike. */
export const CONNECTIONS = 64;

export interface WebhookSender {
  /** The request for a job's webhook, ready to be sent within five minutes. */
  readonly prepare: () => Buffer;
  /** Milliseconds until the answer that its Job has been created. @throws on any other answer. */
  readonly send: (request: Buffer) => Promise<number>;
  readonly close: () => void;
}

export function webhookSender(port: number, secret: string): WebhookSender {
  const idle: Socket[] = [];
  return {
    prepare() {
      const body = JSON.stringify(webhookPayload("job.scheduled", { id: randomUUID() }));
      const lines = [
        "POST /webhooks/buildkite HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        `Content-Length: ${Buffer.byteLength(body)}`,
        `X-Buildkite-Signature: ${signatureOf(secret, Math.floor(Date.now() / 1000), body)}`,
      ];
      return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
    },
    async send(request) {
      let socket = idle.pop();
      while (socket?.destroyed) socket = idle.pop();
      socket ??= connect({ host: "127.0.0.1", port, noDelay: true });
      const start = performance.now();
      socket.write(request);
      const answer = await readAnswer(socket);
      const ms = performance.now() - start;
      // The dispatcher can end it while nobody waits for an answer.
      idle.push(socket.on("error", () => undefined));
      if (!answer.includes('"created"')) throw new Error(answer);
      return ms;
    },
    close() {
      for (const socket of idle) socket.destroy();
    },
  };
}

/** One complete answer. The dispatcher's answers say how long they are. */
function readAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const done = (settle: () => void): void => {
      for (const event of ["data", "error", "close"]) socket.removeAllListeners(event);
      settle();
    };
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
      const head = text.indexOf("\r\n\r\n");
      if (length === undefined || head < 0 || text.length < head + 4 + Number(length)) return;
      done(() => {
        resolve(text);
      });
    });
    socket.on("error", (error) => {
      done(() => {
        reject(error);
      });
    });
    socket.on("close", () => {
      done(() => {
        reject(new Error("the dispatcher has ended the connection"));
      });
    });
  });
}

/** Calls `call` for each item, CONNECTIONS at a time, and returns what each call resolved to. */
export async function inParallel<T>(items: readonly T[], call: (item: T) => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) results.push(await call(item));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return results;
}
