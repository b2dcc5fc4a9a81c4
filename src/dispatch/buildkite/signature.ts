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
  | { readonly kind: "rejected"; readonly reason: Exclude<RejectReason, "outside-window"> }
  | {
      readonly kind: "rejected";
      readonly reason: "outside-window";
      /** When it was signed, in seconds since 1970. The signature is right. */ readonly timestamp: number;
    };

export type RejectReason = "missing" | "malformed" | "outside-window" | "mismatch";

/**
 * Five minutes, as Buildkite's documentation suggests, because of replays and because clocks
 * differ.
 */
export const WINDOW_SECONDS = 300;

/** Far longer than Buildkite's, so that unknown parts have room. */
const MAX_HEADER_LENGTH = 1024;
const SECONDS = /^\d{1,12}$/;
const HEX = /^[0-9a-f]{64}$/i;

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
  const signed = parseSignature(headers.signature);
  if (!signed) return { kind: "rejected", reason: "malformed" };
  const known = isAnyOf(secrets, (secret) => {
    const hmac = createHmac("sha256", secret).update(`${signed.timestamp}.`).update(body);
    return timingSafeEqual(signed.signature, hmac.digest());
  });
  if (!known) return { kind: "rejected", reason: "mismatch" };
  const timestamp = Number(signed.timestamp);
  if (Math.abs(now / 1000 - timestamp) > WINDOW_SECONDS)
    return { kind: "rejected", reason: "outside-window", timestamp };
  return { kind: "authentic", timestamp };
}

/**
 * Reads the header as Buildkite's own example does: parts in any order, spaces around `=` and `,`,
 * and unknown parts ignored. The values are taken only in one form. `Buffer.from(text, "hex")`
 * would silently stop at the first odd character, and a timestamp that isn't a number would pass
 * every comparison with the window. A repeated part is refused, since it isn't clear which one
 * counts; Node joins a repeated header with a comma.
 */
function parseSignature(header: string): { readonly timestamp: string; readonly signature: Buffer } | undefined {
  if (header.length > MAX_HEADER_LENGTH) return undefined;
  const parts = header.split(",").map((part) => {
    const at = part.indexOf("=");
    return at < 0
      ? { name: part.trim(), value: "" }
      : { name: part.slice(0, at).trim(), value: part.slice(at + 1).trim() };
  });
  const only = (wanted: string): string | undefined => {
    const [first, ...more] = parts.filter(({ name }) => name === wanted);
    return more.length === 0 ? first?.value : undefined;
  };
  const [timestamp, hex] = [only("timestamp"), only("signature")];
  if (timestamp === undefined || hex === undefined || !SECONDS.test(timestamp) || !HEX.test(hex)) return undefined;
  return { timestamp, signature: Buffer.from(hex, "hex") };
}

/** Tries all secrets, so that the time it takes doesn't show which of them it was. */
function isAnyOf(secrets: readonly string[], matches: (secret: string) => boolean): boolean {
  return secrets.map(matches).includes(true);
}

function checkToken(secrets: readonly string[], token: string | undefined): Authenticity {
  if (token === undefined) return { kind: "rejected", reason: "missing" };
  const given = digest(token);
  const known = isAnyOf(secrets, (secret) => timingSafeEqual(given, digest(secret)));
  return known ? { kind: "authentic" } : { kind: "rejected", reason: "mismatch" };
}

/**
 * All digests have the same length, so comparing them reveals nothing about the secret's length.
 */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
