/**
 * Who sent a delivery. Buildkite sends either `X-Buildkite-Signature: timestamp=<unix seconds>,signature=<hex>`, an HMAC-SHA256 with the
 * webhook's token as its key over `<timestamp>.<raw body>`, or the token itself as `X-Buildkite-Token`.
 * https://buildkite.com/docs/apis/webhooks/pipelines#http-headers
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** What a webhook is set up to prove itself by. More than one secret is there while one replaces the other. */
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
      /** Seconds since 1970 of the dispatch; a token has none. */ readonly timestamp?: number;
    }
  | { readonly kind: "rejected"; readonly reason: RejectReason };

export type RejectReason = "missing" | "malformed" | "outside-window" | "mismatch";

/** Buildkite's documentation suggests five minutes, for clocks that differ as much as for replays. */
export const WINDOW_SECONDS = 300;

/**
 * The one accepted form, whole: `Buffer.from(text, "hex")` would stop at the first odd character without a word, a timestamp that is no
 * number would pass every comparison with the window, and node joins a repeated header with a comma.
 */
const SIGNATURE = /^\s*timestamp=(\d{1,12})\s*,\s*signature=([0-9a-f]{64})\s*$/i;

/** Judges a delivery by its headers and its raw bytes. `now` is in milliseconds since 1970. */
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

/** Digests have one length, so that comparing them tells nothing about the secret's. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
