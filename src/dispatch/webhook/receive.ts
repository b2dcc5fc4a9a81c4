/**
 * A delivery, from its bytes to its answer. Anything that isn't authentic is refused before a byte
 * of it is parsed.
 */
import type { Request, Response } from "express";
import type { LimitedLog } from "../../process/log-limiter.ts";
import { createBodyReader, isJson, type BodyReader, type ReadBody } from "../../http/read-body.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DeliveryMetrics, UnreadReason } from "./metrics.ts";
import { parseEvent, type WebhookEvent } from "../buildkite/event.ts";
import { checkAuthenticity, WINDOW_SECONDS, type WebhookSecrets } from "../buildkite/signature.ts";

export interface ReceiverOptions {
  readonly secrets: WebhookSecrets;
  readonly deliveries: Deliveries;
  readonly metrics: DeliveryMetrics;
  readonly limited: LimitedLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called for each authentic request. */
  readonly onAuthentic: (request: Request) => void;
  /**
   * Called with how many milliseconds this machine's clock is ahead of the sender's, if a
   * delivery's signature is right.
   */
  readonly onClock?: (skewMs: number) => void;
}

type Incoming =
  | { readonly kind: "event"; readonly event: WebhookEvent }
  | { readonly kind: "refused"; readonly status: number; readonly reason: UnreadReason; readonly error?: string }
  /** Nobody is left to answer. */
  | { readonly kind: "aborted" };

/** How many fields of a malformed delivery to name. */
const MAX_FIELDS = 10;

/** A payload includes the build's environment and meta-data. Documented events have about 10 KB. */
const BODY_LIMITS = { maxBytes: 1024 * 1024, maxBufferedBytes: 24 * 1024 * 1024, smallBytes: 16 * 1024 };

/** Makes a handler for express that answers every request. It rejects only if Curfew has a bug. */
export function createReceiver(options: ReceiverOptions): (request: Request, response: Response) => Promise<void> {
  const { deliveries, metrics, limited } = options;
  const readBody = createBodyReader(BODY_LIMITS);
  return async (request, response) => {
    const incoming = await readEvent(request, readBody, options);
    if (incoming.kind === "aborted") {
      metrics.answered("rejected", "aborted");
      return;
    }
    if (incoming.kind === "refused") {
      const { status, reason, error = reason } = incoming;
      metrics.answered("rejected", reason);
      // Strangers can send as much as they like. The metrics count all of it.
      limited.warn(`refused:${reason}`, { reason, ...(error !== reason && { error }) }, "a delivery was refused");
      answer(response, status, { error });
      return;
    }
    const { event } = incoming;
    if (event.kind === "malformed") {
      const fields = event.fields.slice(0, MAX_FIELDS);
      limited.warn(`malformed:${fields.join()}`, { fields }, "a delivery lacks required fields");
    }
    const { status, ...body } = await deliveries.handle(event);
    answer(response, status, body);
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

function toIncoming(request: Request, body: Buffer, options: ReceiverOptions): Incoming {
  const { secrets, now, onAuthentic, onClock } = options;
  const headers = { signature: request.get("x-buildkite-signature"), token: request.get("x-buildkite-token") };
  const at = now();
  const authenticity = checkAuthenticity(secrets, headers, body, at);
  if ("timestamp" in authenticity) onClock?.(at - authenticity.timestamp * 1000);
  if (authenticity.kind === "rejected") {
    const refused = { kind: "refused", status: 401, reason: `signature-${authenticity.reason}` } as const;
    return authenticity.reason === "outside-window"
      ? { ...refused, error: outsideWindow(at / 1000 - authenticity.timestamp) }
      : refused;
  }
  onAuthentic(request);
  const payload = parseJson(body);
  if (payload === undefined) return { kind: "refused", status: 400, reason: "not-json" };
  return { kind: "event", event: parseEvent(request.get("x-buildkite-event"), payload) };
}

/** @param age how many seconds ago it was signed; negative if that's in the future. */
function outsideWindow(age: number): string {
  const seconds = Math.round(Math.abs(age));
  const when = age > 0 ? `${seconds} s ago` : `${seconds} s in the future`;
  return `signature-outside-window: by this machine's clock, it was signed ${when}, but at most ${WINDOW_SECONDS} s are allowed: check the clock`;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
