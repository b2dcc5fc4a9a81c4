import type { Logger } from "../process/log.ts";
import { isRecord, type ReviewRequest } from "./admission-review.ts";
import type { Decision } from "./review.ts";

/** The longest name that Kubernetes accepts (RFC 1123 subdomain). A longer one is hostile. */
const MAX_NAME_LENGTH = 253;

/**
 * Logs one line for a review: at info if Curfew had something to do or to say, otherwise at debug.
 * The line has names, but never other values from the object.
 */
export function logReview(log: Logger, request: ReviewRequest, decision: Decision, seconds: number): void {
  const { outcome, reason, limits, warnings } = decision;
  const level = isOfInterest(decision) ? "info" : "debug";
  if (!log.isLevelEnabled(level)) return;
  const { name, generateName } = nameOf(request);
  // Always the same keys, which is faster. Undefined ones aren't written.
  log[level](
    {
      namespace: cutName(request.namespace),
      name,
      generateName,
      kind: request.kind,
      operation: request.operation,
      outcome,
      reason,
      limits: limits.length > 0 ? limits : undefined,
      warnings: warnings.length > 0 ? warnings.length : undefined,
      milliseconds: Math.round(seconds * 1e6) / 1e3,
    },
    "review",
  );
}

/** These are of most requests, and say that there was nothing to do. */
const UNREMARKABLE: ReadonlySet<string> = new Set(["not-enabled", "no-late-containers"]);

function isOfInterest({ outcome, reason, warnings }: Decision): boolean {
  return warnings.length > 0 || (outcome !== "passed" && !UNREMARKABLE.has(reason));
}

/** A Job with generateName has no name yet when it's reviewed. */
function nameOf({ name, object }: ReviewRequest): { readonly name?: string; readonly generateName?: string } {
  if (name !== "") return { name: cutName(name) };
  const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
  const { generateName } = metadata;
  return typeof generateName === "string"
    ? { generateName: cutName(generateName) }
    : { name: cutName(typeof metadata["name"] === "string" ? metadata["name"] : "") };
}

function cutName(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH);
}
