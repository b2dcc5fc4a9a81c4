/**
 * Reviews as an API server sends them while something breaks: over connections that it keeps, each
 * once, without retries.
 */
import { Agent } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { decodePatch, post, type Answer } from "../support/admission/admission.ts";
import { randomFrom } from "../support/random.ts";
import { percentile } from "../../bench/lib/result.ts";

/** The webhook's own timeout. */
const TIMEOUT_MS = 5_000;
const CLIENTS = 8;
const PAUSE_MS = 5;

export interface ReviewLoad {
  readonly stop: () => Promise<ReviewLoadResult>;
}

export interface ReviewLoadResult {
  readonly sent: number;
  /** Without an answer, or with one that isn't HTTP 200: the Job would be refused. */
  readonly failed: number;
  /** Let through without the patch: the Job would never end. */
  readonly unpatched: number;
  /** Of those that were answered. */
  readonly p99Ms: number;
}

/** Each new connection goes to one of the ports that `endpoints` gives, as with kube-proxy. */
export function sendReviews(review: string, ca: string, endpoints: () => readonly number[]): ReviewLoad {
  let running = true;
  const outcomes = { sent: 0, failed: 0, unpatched: 0 };
  const times: number[] = [];
  const client = async (): Promise<void> => {
    let connection: { readonly port: number; readonly agent: Agent } | undefined;
    const close = (): void => {
      connection?.agent.destroy();
      connection = undefined;
    };
    while (running) {
      connection ??= { port: choose(endpoints()), agent: new Agent({ ca, keepAlive: true, maxSockets: 1 }) };
      outcomes.sent += 1;
      const start = performance.now();
      const answer = await post(review, { ...connection, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
        () => undefined,
      );
      if (answer?.status === 200) times.push(performance.now() - start);
      else outcomes.failed += 1;
      if (answer?.status === 200 && !isPatched(answer)) outcomes.unpatched += 1;
      if (answer?.headers["connection"] !== "keep-alive") close();
      await sleep(PAUSE_MS);
    }
    close();
  };
  const done = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    async stop() {
      running = false;
      await done;
      return { ...outcomes, p99Ms: percentile(times, 0.99) };
    },
  };
}

function isPatched(answer: Answer): boolean {
  const { response } = answer.body as { response: { patch?: string } };
  return response.patch !== undefined && JSON.stringify(decodePatch(answer)).includes("curfew.sh/injected");
}

const random = randomFrom(1);

function choose(ports: readonly number[]): number {
  const port = ports[Math.floor(random() * ports.length)];
  if (port === undefined) throw new Error("no endpoint is left");
  return port;
}
