/**
 * A delivery, from its bytes to its answer. Anything that isn't authentic is refused before a byte
 * of it is parsed.
 */
import type { Request, Response } from "express";
import type { Logger } from "../../process/log.ts";
import { createBodyReader, isJson, type BodyReader, type ReadBody } from "../../http/read-body.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DeliveryMetrics, UnreadReason } from "./metrics.ts";
import { parseEvent, type WebhookEvent } from "../buildkite/event.ts";
import { checkAuthenticity, type WebhookSecrets } from "../buildkite/signature.ts";

export interface ReceiverOptions {
  readonly secrets: WebhookSecrets;
  readonly deliveries: Deliveries;
  readonly metrics: DeliveryMetrics;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called for each authentic request. */
  readonly onAuthentic: (request: Request) => void;
}

type Incoming =
  | { readonly kind: "event"; readonly event: WebhookEvent }
  | { readonly kind: "refused"; readonly status: number; readonly reason: UnreadReason; readonly error?: string }
  /** Nobody is left to answer. */
  | { readonly kind: "aborted" };

/** A payload includes the build's environment and meta-data. Documented events have about 10 KB. */
const BODY_LIMITS = { maxBytes: 1024 * 1024, maxBufferedBytes: 24 * 1024 * 1024, smallBytes: 16 * 1024 };

/** Makes a handler for express that answers every request. It rejects only if Curfew has a bug. */
export function createReceiver(options: ReceiverOptions): (request: Request, response: Response) => Promise<void> {
  const { deliveries, metrics, log } = options;
  const readBody = createBodyReader(BODY_LIMITS);
  const warn = atMostEverySecond(log);
  return async (request, response) => {
    const incoming = await readEvent(request, readBody, options);
    if (incoming.kind === "aborted") {
      metrics.answered("rejected", "aborted");
      return;
    }
    if (incoming.kind === "refused") {
      const { status, reason, error = reason } = incoming;
      metrics.answered("rejected", reason);
      warn(reason);
      answer(response, status, { error });
      return;
    }
    const { event } = incoming;
    if (event.kind === "malformed") log.warn({ fields: event.fields }, "a delivery lacks required fields");
    const { status, ...body } = await deliveries.handle(event);
    answer(response, status, body);
  };
}

/** Strangers can send as much as they like. The metrics count all of it. */
function atMostEverySecond(log: Logger): (reason: string) => void {
  let [next, unsaid] = [-Infinity, 0];
  return (reason) => {
    const now = performance.now();
    if (now < next) {
      unsaid++;
      return;
    }
    log.warn({ reason, ...(unsaid > 0 && { others: unsaid }) }, "a delivery was refused");
    [next, unsaid] = [now + 1000, 0];
  };
}

/** Not `response.json`, which also deals with caches and more: this is the hot path. */
function answer(response: Response, status: number, body: object): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

/**
 * A function of its own, so that a delivery that waits for its Job keeps neither its body nor the
 * parsed payload in memory.
 */
async function readEvent(request: Request, readBody: BodyReader, options: ReceiverOptions): Promise<Incoming> {
  // The signature covers the bytes as they were sent, so compressed bodies aren't accepted.
  const isPlain = /^(?:identity)?$/i.test(request.get("content-encoding") ?? "");
  if (!isPlain || !isJson(request.get("content-type")))
    return { kind: "refused", status: 415, reason: "content-type-not-json" };
  const read = await new Promise<ReadBody>((resolve) => {
    readBody(request, resolve);
  });
  if (read.kind === "body") return toIncoming(request, read.body, options);
  if (read.kind === "aborted") return read;
  if (read.kind === "busy") return { kind: "refused", status: 503, reason: "busy" };
  return { kind: "refused", status: 413, reason: "too-large", error: `more than ${BODY_LIMITS.maxBytes} bytes` };
}

function toIncoming(request: Request, body: Buffer, { secrets, now, onAuthentic }: ReceiverOptions): Incoming {
  const headers = { signature: request.get("x-buildkite-signature"), token: request.get("x-buildkite-token") };
  const authenticity = checkAuthenticity(secrets, headers, body, now());
  if (authenticity.kind === "rejected")
    return { kind: "refused", status: 401, reason: `signature-${authenticity.reason}` };
  onAuthentic(request);
  const payload = parseJson(body);
  if (payload === undefined) return { kind: "refused", status: 400, reason: "not-json" };
  return { kind: "event", event: parseEvent(request.get("x-buildkite-event"), payload) };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
