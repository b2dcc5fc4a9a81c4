/** What the answers of the Kubernetes API server about a Job mean. */
import { retryAfterMs } from "../../http/retry-after.ts";
import type { KubeResponse } from "../../kubernetes/client.ts";
import { statusMessage } from "../../kubernetes/status-message.ts";
import type { StoredJob } from "./stored-job.ts";

/** Messages of admission webhooks can have any length. */
const MAX_REASON_LENGTH = 2000;

export type CreateOutcome =
  | { readonly kind: "created"; readonly job: StoredJob }
  | { readonly kind: "exists" }
  /** It may work later. */
  | {
      readonly kind: "unavailable";
      readonly why: "unreachable" | "throttled" | "quota" | "server-error";
      readonly message: string;
      readonly retryAfterMs?: number;
      /** The Job may have been created all the same: the answer was lost, or came too early. */
      readonly mayExist?: boolean;
    }
  /**
   * The dispatcher itself is set up wrong: it isn't allowed to create Jobs, or the namespace is
   * missing. No Job can be created.
   */
  | { readonly kind: "forbidden"; readonly code: number; readonly message: string }
  /**
   * The API server's validation or an admission webhook refuses this Job: its template is wrong.
   */
  | { readonly kind: "refused"; readonly code: number; readonly message: string };

export type DeleteOutcome =
  | { readonly kind: "deleted" }
  /** It was gone already, or another Job has its name. */
  | { readonly kind: "gone" }
  | { readonly kind: "refused"; readonly message: string };

/**
 * What a failed creation means. The API server uses one code for many things, so this looks for
 * texts of its plugins: "exceeded quota" (ResourceQuota), "is being terminated"
 * (NamespaceLifecycle), `cannot create resource` (RBAC).
 */
export function judgeCreation({ code, headers }: KubeResponse, message: string): CreateOutcome {
  const pauseMs = retryAfterMs(headers["retry-after"]);
  const retry = pauseMs === undefined ? {} : { retryAfterMs: pauseMs };
  if (code === 409 && /already exists/.test(message)) return { kind: "exists" };
  if (code === 429) return { kind: "unavailable", why: "throttled", message, ...retry };
  // Any other 409 is a conflict, for example with an update of a quota's status.
  if (code >= 500 || code === 409 || code === 408)
    return { kind: "unavailable", why: "server-error", message, ...retry, ...(code !== 409 && { mayExist: true }) };
  if (code === 403 && /exceeded quota|is being terminated/.test(message))
    return { kind: "unavailable", why: "quota", message };
  if (code === 401 || code === 404 || (code === 403 && /cannot create resource/.test(message)))
    return { kind: "forbidden", code, message };
  return { kind: "refused", code, message };
}

/** A Status's message, or the beginning of whatever a proxy in between sent: one line, not too long. */
export function reasonOf(text: string): string {
  return (statusMessage(text) ?? text.slice(0, 200))
    .slice(0, MAX_REASON_LENGTH)
    .replace(/\p{Cc}+/gu, " ")
    .toWellFormed();
}
