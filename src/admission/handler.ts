/** POST /mutate: from a request's bytes to its answer, for every request there can be. */
import type { RequestListener } from "node:http";
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
  /** While true, each answer asks the client to come back on a new connection, which will lead to another replica. */
  readonly isDraining: () => boolean;
}

/** The API server adds its timeout as a query. */
const PATH = /^\/mutate(?:\?|$)/;
const MIB = 1024 * 1024;
/** 7 MiB: an object is 3 MiB at most in a request to the API server, an update's review holds two, and 1 MiB is for the envelope. */
const BODY_LIMITS = { maxBytes: 7 * MIB, maxBufferedBytes: 64 * MIB, smallBytes: 64 * 1024 };

export function createHandler({ planner, metrics, log, isDraining }: HandlerOptions): RequestListener {
  const readBody = createBodyReader(BODY_LIMITS);
  return (request, response) => {
    metrics.started();
    const send = (code: number, body: string): void => {
      // Now, and not when the request came: it may have been on its way for a while.
      if (isDraining()) response.shouldKeepAlive = false;
      // ASCII has as many bytes as characters; said to be latin1 it is written as it is.
      response.writeHead(code, ["Content-Type", "application/json", "Content-Length", String(body.length)]);
      response.end(body, "latin1");
    };
    const fail = (code: ErrorCode, reason: FailureReason, message: string): void => {
      metrics.failed(reason);
      send(code, statusBody(code, message));
    };
    if (!PATH.test(request.url ?? "")) {
      fail(404, "path", "Reviews are served at /mutate only.");
      return;
    }
    if (request.method !== "POST") {
      response.setHeader("allow", "POST");
      fail(405, "method", "Reviews are sent with POST.");
      return;
    }
    if (!isJson(request.headers["content-type"])) {
      fail(415, "content-type", "The content type of a review is application/json.");
      return;
    }
    readBody(request, (result) => {
      if (result.kind === "aborted") {
        metrics.failed("aborted");
        return;
      }
      if (result.kind === "too-large") {
        fail(413, "too-large", `A review has at most ${BODY_LIMITS.maxBytes} bytes.`);
        return;
      }
      if (result.kind === "busy") {
        fail(503, "busy", "Too many large reviews are arriving at once. Try again.");
        return;
      }
      const start = performance.now();
      const parsed = parseJson(result.body);
      if (parsed.kind === "invalid") {
        fail(400, "not-json", `The body is not JSON: ${parsed.message}.`);
        return;
      }
      const envelope = parseReview(parsed.value);
      if (envelope.kind === "invalid") {
        fail(400, envelope.reason, envelope.message);
        return;
      }
      const answer = decide(envelope.request, planner);
      if (answer.kind === "bug") {
        const { namespace, name } = envelope.request;
        log.error({ err: answer.error, namespace, name }, "bug: please report this error");
        fail(500, "bug", bugMessage(answer.error));
        return;
      }
      send(200, answer.body);
      const seconds = (performance.now() - start) / 1000;
      metrics.decided(envelope.request.operation, envelope.request.kind, answer.decision, seconds);
      logReview(log, envelope.request, answer.decision, seconds);
    });
  };
}

type Answer =
  | { readonly kind: "decision"; readonly decision: Decision; readonly body: string }
  | { readonly kind: "bug"; readonly error: unknown };

/**
 * What the planner throws is a bug of Curfew's own. It is answered with HTTP 500, which leaves the verdict to the webhook's
 * failurePolicy: opted-in Jobs are not let through unprotected (Fail), updates and CronJobs go on (Ignore). Where it is Fail, the
 * message reaches the user.
 */
function decide(request: ReviewRequest, planner: Planner): Answer {
  try {
    const decision = review(request, planner);
    return { kind: "decision", decision, body: respond(request.uid, decision) };
  } catch (error) {
    return { kind: "bug", error };
  }
}

function bugMessage(error: unknown): string {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return (
    `Curfew could not review this object because of a bug of its own (${what.slice(0, 200)}). Please report it with the object's ` +
    "manifest. Without the label curfew.sh/enabled Curfew is not asked about a Job."
  );
}

function parseJson(
  body: Buffer,
): { readonly kind: "value"; readonly value: unknown } | { readonly kind: "invalid"; readonly message: string } {
  try {
    return { kind: "value", value: JSON.parse(body.toString()) };
  } catch (error) {
    // V8 quotes the text around the mistake: it may be anything, so it is not handed on.
    const position = error instanceof Error ? /at position \d+/.exec(error.message)?.[0] : undefined;
    return {
      kind: "invalid",
      message: position === undefined ? "it ends too soon or holds other text" : `unexpected text ${position}`,
    };
  }
}
