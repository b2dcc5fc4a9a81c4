/**
 * The parts of an AdmissionReview of admission.k8s.io/v1 that Curfew reads.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
 */

export const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface ReviewRequest {
  readonly uid: string;
  readonly operation: Operation;
  /**
   * `other` is anything that Curfew has no rule for: other kinds, Jobs of other API groups,
   * subresources.
   */
  readonly kind: "Job" | "CronJob" | "Pod" | "other";
  /** Empty if the API server has yet to generate it. */
  readonly name: string;
  /** The request's own, as the object's metadata can lack it. */
  readonly namespace: string;
  readonly object: unknown;
  readonly oldObject: unknown;
}

/**
 * Why a body isn't a review that can be answered: `reason` for the metrics, `message` for the
 * person who set up the webhook.
 */
export interface InvalidReview {
  readonly kind: "invalid";
  readonly reason: "not-a-review" | "unsupported-version" | "no-uid" | "no-operation";
  readonly message: string;
}

export type ParsedReview = { readonly kind: "request"; readonly request: ReviewRequest } | InvalidReview;

/** Parses a review's envelope. The objects in it are passed on unchecked. */
export function parseReview(body: unknown): ParsedReview {
  if (!isRecord(body) || body["kind"] !== "AdmissionReview") {
    return invalid("not-a-review", "The body must be an AdmissionReview of admission.k8s.io/v1.");
  }
  if (body["apiVersion"] !== "admission.k8s.io/v1") {
    const given = typeof body["apiVersion"] === "string" ? JSON.stringify(body["apiVersion"].slice(0, 64)) : "none";
    return invalid(
      "unsupported-version",
      `This server speaks admission.k8s.io/v1, but the review's apiVersion is ${given}. ` +
        'Set admissionReviewVersions: ["v1"] in the webhook configuration.',
    );
  }
  const request = body["request"];
  if (!isRecord(request))
    return invalid("not-a-review", "The AdmissionReview has no request. Responses aren't accepted.");
  const { uid } = request;
  if (typeof uid !== "string" || uid === "") return invalid("no-uid", "The request of the AdmissionReview has no uid.");
  const operation = OPERATIONS.find((known) => known === request["operation"]);
  if (operation === undefined) {
    return invalid("no-operation", `The operation of the request must be one of ${OPERATIONS.join(", ")}.`);
  }
  return {
    kind: "request",
    request: {
      uid,
      operation,
      kind: kindOf(request),
      name: textOf(request["name"]),
      namespace: textOf(request["namespace"]),
      object: request["object"],
      oldObject: request["oldObject"],
    },
  };
}

/**
 * By the kind that the webhook asked for: with matchPolicy Equivalent the object has been converted
 * to it.
 */
function kindOf(request: Readonly<Record<string, unknown>>): ReviewRequest["kind"] {
  const { kind, subResource } = request;
  if (!isRecord(kind) || kind["version"] !== "v1") return "other";
  if (subResource !== undefined && subResource !== "") return "other";
  if (kind["group"] === "batch" && (kind["kind"] === "Job" || kind["kind"] === "CronJob")) return kind["kind"];
  return kind["group"] === "" && kind["kind"] === "Pod" ? "Pod" : "other";
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function invalid(reason: InvalidReview["reason"], message: string): InvalidReview {
  return { kind: "invalid", reason, message };
}
