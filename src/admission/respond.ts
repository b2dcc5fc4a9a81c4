/** Decisions and errors as the JSON that the API server reads, all of it ASCII. */
import { asciiJson } from "./ascii-json.ts";
import { encodePatch } from "./encode-patch.ts";
import type { Decision } from "./review.ts";
import { boundWarnings } from "./warnings.ts";

/**
 * The AdmissionReview that answers a request, as JSON text. A refusal has code 422 and reason
 * Invalid, which clients treat as final. With 403, which an exceeded quota also gives, they might
 * try again. It has no `details`, as kubectl would print those instead of the message.
 */
export function respond(uid: string, decision: Decision): string {
  const { outcome, reason, patch, warnings } = decision;
  let response = `"uid":${asciiJson(uid)},"allowed":${outcome === "refused" ? "false" : "true"}`;
  if (outcome === "refused") {
    const status = { status: "Failure", code: 422, reason: "Invalid", message: decision.message };
    response += `,"status":${asciiJson(status)}`;
  }
  if (patch.length > 0) response += `,"patchType":"JSONPatch","patch":"${encodePatch(patch)}"`;
  if (warnings.length > 0) response += `,"warnings":${asciiJson(boundWarnings(warnings))}`;
  // These are constants of this code, so nothing needs escaping. The API server prefixes the keys
  // with the webhook's name.
  response += `,"auditAnnotations":{"outcome":"${outcome}","reason":"${reason}"}`;
  return `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{${response}}}`;
}

/** The reasons of a meta/v1 Status for the codes that this server answers with. */
const STATUS_REASONS = {
  400: "BadRequest",
  404: "NotFound",
  405: "MethodNotAllowed",
  408: "Timeout",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  431: "RequestEntityTooLarge",
  500: "InternalError",
  503: "ServiceUnavailable",
} as const;

export type ErrorCode = keyof typeof STATUS_REASONS;

/**
 * An error that isn't an answer to a review, as a meta/v1 Status in JSON. The API server's client
 * reads that, so the message reaches the API server's log and, if the failurePolicy is Fail, the
 * user.
 */
export function statusBody(code: ErrorCode, message: string): string {
  const reason = STATUS_REASONS[code];
  return asciiJson({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code, reason, message });
}
