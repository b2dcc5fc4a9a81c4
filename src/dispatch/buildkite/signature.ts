/**
 * Who sent a delivery. Buildkite sends either
 * `X-Buildkite-Signature: timestamp=<unix seconds>,signature=<hex>`, an HMAC-SHA256 with the
 * webhook's token as its key over `<timestamp>.<raw body>`, or the token itself as
 * `X-Buildkite-Token`. https://buildkite.com/docs/apis/webhooks/pipelines#http-headers
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/**
 * How a webhook's deliveries prove that they're authentic. There's more than one secret only while
 * one replaces another.
 */
export interface WebhookSecrets {
  readonly method: "signature" | "token";
  readonly secrets: readonly string[];
}

export interface DeliveryHeaders {
  readonly signature: string | undefined;
  readonly token: string | undefined;
}

export type Authenticity =
  | {
      readonly kind: "authentic";
      /** When it was sent, in seconds since 1970. Unknown with a token. */ readonly timestamp?: number;
    }
  | { readonly kind: "rejected"; readonly reason: RejectReason };

export type RejectReason = "missing" | "malformed" | "outside-window" | "mismatch";

/**
 * Five minutes, as Buildkite's documentation suggests, because of replays and because clocks
 * differ.
 */
export const WINDOW_SECONDS = 300;

/**
 * The whole header, in the only form that's accepted. `Buffer.from(text, "hex")` would silently
 * stop at the first odd character, a timestamp that isn't a number would pass every comparison with
 * the window, and Node joins a repeated header with a comma.
 */
const SIGNATURE = /^\s*timestamp=(\d{1,12})\s*,\s*signature=([0-9a-f]{64})\s*$/i;

/**
 * Checks who sent a delivery, by its headers and its raw bytes. `now` is in milliseconds since
 * 1970.
 */
export function checkAuthenticity(
  { method, secrets }: WebhookSecrets,
  headers: DeliveryHeaders,
  body: Uint8Array,
  now: number,
): Authenticity {
  if (method === "token") return checkToken(secrets, headers.token);
  if (headers.signature === undefined) return { kind: "rejected", reason: "missing" };
  const [, timestampText, hex] = SIGNATURE.exec(headers.signature) ?? [];
  if (timestampText === undefined || hex === undefined) return { kind: "rejected", reason: "malformed" };
  const given = Buffer.from(hex, "hex");
  const known = secrets.some((secret) => {
    const hmac = createHmac("sha256", secret).update(`${timestampText}.`).update(body);
    return timingSafeEqual(given, hmac.digest());
  });
  if (!known) return { kind: "rejected", reason: "mismatch" };
  const timestamp = Number(timestampText);
  if (Math.abs(now / 1000 - timestamp) > WINDOW_SECONDS) return { kind: "rejected", reason: "outside-window" };
  return { kind: "authentic", timestamp };
}

function checkToken(secrets: readonly string[], token: string | undefined): Authenticity {
  if (token === undefined) return { kind: "rejected", reason: "missing" };
  const given = digest(token);
  const known = secrets.some((secret) => timingSafeEqual(given, digest(secret)));
  return known ? { kind: "authentic" } : { kind: "rejected", reason: "mismatch" };
}

/**
 * All digests have the same length, so comparing them reveals nothing about the secret's length.
 */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
