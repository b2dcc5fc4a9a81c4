/** POST /mutate and /mutate/namespace: from a request's bytes to its answer, whatever the request is. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "../process/log.ts";
import { createBodyReader, isJson } from "../http/read-body.ts";
import { parseReview, type ReviewRequest } from "./admission-review.ts";
import type { AdmissionMetrics, FailureReason } from "./metrics.ts";
import { respond, statusBody, type ErrorCode } from "./respond.ts";
import { logReview } from "./review-log.ts";
import type { Planner } from "../planner/planner.ts";
import { review, type Decision } from "./review.ts";

export interface HandlerOptions {
  readonly planner: Planner;
  readonly metrics: AdmissionMetrics;
  readonly log: Logger;
  /**
   * While true, each answer asks the client to come back on a new connection, which leads to
   * another replica.
   */
  readonly isDraining: () => boolean;
}

/**
 * The webhook's entries that select by namespace have a path of their own, as a review doesn't say
 * which entry it's for. The API server adds its timeout as a query.
 */
const PATH = /^\/mutate(\/namespace)?(?:\?|$)/;
const MIB = 1024 * 1024;
/**
 * 7 MiB: an object has at most 3 MiB in a request to the API server, an update's review holds two,
 * and 1 MiB is for the envelope.
 */
const BODY_LIMITS = { maxBytes: 7 * MIB, maxBufferedBytes: 64 * MIB, smallBytes: 64 * 1024 };

/** An error that isn't an answer to a review. */
interface Failure {
  readonly code: ErrorCode;
  readonly reason: FailureReason;
  readonly message: string;
}

/** Makes the listener that answers every request to the webhook's port. */
export function createHandler(options: HandlerOptions): RequestListener {
  const readBody = createBodyReader(BODY_LIMITS);
  return (request, response) => {
    options.metrics.started();
    const failure = failureOf(request);
    if (failure) {
      if (failure.code === 405) response.setHeader("allow", "POST");
      fail(options, response, failure);
      return;
    }
    readBody(request, (result) => {
      if (result.kind === "body") answer(options, response, optInOf(request), result.body);
      else if (result.kind === "aborted") options.metrics.failed("aborted");
      else fail(options, response, UNREAD[result.kind]);
    });
  };
}

/** What's wrong with a request that isn't a review. Undefined: its body can be read. */
function failureOf({ url, method, headers }: IncomingMessage): Failure | undefined {
  if (!PATH.test(url ?? ""))
    return { code: 404, reason: "path", message: "Reviews are served at /mutate and /mutate/namespace." };
  if (method !== "POST") return { code: 405, reason: "method", message: "Reviews must be sent with POST." };
  if (!isJson(headers["content-type"]))
    return { code: 415, reason: "content-type", message: "A review's content type must be application/json." };
  return undefined;
}

const UNREAD: Readonly<Record<"too-large" | "busy", Failure>> = {
  "too-large": { code: 413, reason: "too-large", message: `A review can have at most ${BODY_LIMITS.maxBytes} bytes.` },
  busy: { code: 503, reason: "busy", message: "Too many large reviews are arriving at once. Try again." },
};

type RequestOptIn = "own" | "namespace";

function optInOf({ url }: IncomingMessage): RequestOptIn {
  return PATH.exec(url ?? "")?.[1] === undefined ? "own" : "namespace";
}

function answer(options: HandlerOptions, response: ServerResponse, optIn: RequestOptIn, body: Buffer): void {
  const { planner, metrics, log } = options;
  const start = performance.now();
  const parsed = parseBody(body);
  if (parsed.kind === "failure") {
    fail(options, response, parsed.failure);
    return;
  }
  const { request } = parsed;
  const decided = decide(request, optIn, planner);
  if (decided.kind === "bug") {
    const { namespace, name } = request;
    log.error({ err: decided.error, namespace, name }, "bug: please report this error");
    fail(options, response, { code: 500, reason: "bug", message: bugMessage(decided.error) });
    return;
  }
  send(options, response, 200, decided.body);
  const seconds = (performance.now() - start) / 1000;
  metrics.decided(request.operation, request.kind, decided.decision, seconds);
  logReview(log, request, decided.decision, seconds);
}

function fail(options: HandlerOptions, response: ServerResponse, { code, reason, message }: Failure): void {
  options.metrics.failed(reason);
  send(options, response, code, statusBody(code, message));
}

function send({ isDraining }: HandlerOptions, response: ServerResponse, code: number, body: string): void {
  // Asked now, not when the request came: its body may have taken a while to arrive.
  if (isDraining()) response.shouldKeepAlive = false;
  // ASCII has as many bytes as characters. Declared as latin1, it's written as it is.
  response.writeHead(code, ["Content-Type", "application/json", "Content-Length", String(body.length)]);
  response.end(body, "latin1");
}

type ParsedBody =
  | { readonly kind: "request"; readonly request: ReviewRequest }
  | { readonly kind: "failure"; readonly failure: Failure };

function parseBody(body: Buffer): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    return { kind: "failure", failure: { code: 400, reason: "not-json", message: notJsonMessage(error) } };
  }
  const parsed = parseReview(value);
  if (parsed.kind === "request") return parsed;
  return { kind: "failure", failure: { code: 400, reason: parsed.reason, message: parsed.message } };
}

/** V8 quotes the text around the mistake. That may be anything, so it isn't passed on. */
function notJsonMessage(error: unknown): string {
  const position = error instanceof Error ? /at position \d+/.exec(error.message)?.[0] : undefined;
  const problem = position === undefined ? "it ends too soon or holds other text" : `unexpected text ${position}`;
  return `The body is not JSON: ${problem}.`;
}

type Decided =
  | { readonly kind: "decision"; readonly decision: Decision; readonly body: string }
  | { readonly kind: "bug"; readonly error: unknown };

/**
 * Decides about a review. If the planner throws, that's a bug in Curfew. The answer is then HTTP
 * 500, which leaves the verdict to the webhook's failurePolicy: what opted in itself isn't let
 * through unprotected (Fail), but everything else is (Ignore). With Fail, the message reaches the
 * user.
 */
function decide(request: ReviewRequest, optIn: RequestOptIn, planner: Planner): Decided {
  try {
    const decision = review(request, optIn, planner);
    return { kind: "decision", decision, body: respond(request.uid, decision) };
  } catch (error) {
    return { kind: "bug", error };
  }
}

function bugMessage(error: unknown): string {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return (
    `Curfew couldn't review this object because of a bug in Curfew (${what.slice(0, 200)}). Please report it with the object's ` +
    "manifest. Unless curfew.sh/enabled opts it in, Curfew isn't asked about it."
  );
}
