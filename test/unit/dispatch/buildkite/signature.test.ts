import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkAuthenticity, type WebhookSecrets } from "../../../../src/dispatch/buildkite/signature.ts";
import { law } from "../../../support/law.ts";

const SECRET = "5c4d9e0b7a";
const BODY = Buffer.from('{"event":"ping","text":"Grüße\\n"}');
const TIMESTAMP = 1_606_275_600;
const NOW = TIMESTAMP * 1000;
/** printf '%s.%s' TIMESTAMP BODY | openssl dgst -sha256 -hmac SECRET */
const SIGNATURE = "8d2eed5035db1a6207700e95154d72c57c04c22b58cd9a266ccbdd03c170e725";
const SECRETS: WebhookSecrets = { method: "signature", secrets: [SECRET] };

const check = (signature: string | undefined, { secrets = SECRETS, body = BODY, now = NOW } = {}): unknown =>
  checkAuthenticity(secrets, { signature, token: undefined }, body, now);
const header = (timestamp: unknown = TIMESTAMP, signature = SIGNATURE): string =>
  `timestamp=${String(timestamp)},signature=${signature}`;
const AUTHENTIC = { kind: "authentic", timestamp: TIMESTAMP };
const rejected = (reason: string): object => ({ kind: "rejected", reason });

test("accepts a signature of `timestamp.body`", () => {
  expect(check(header())).toEqual(AUTHENTIC);
});

test.skipIf(process.env["CI"] === undefined && spawnSync("openssl", ["version"]).status !== 0)(
  "accepts openssl's signature, for bodies of any length",
  () => {
    for (const length of [0, 1, 63, 64, 65, 10_000]) {
      const body = Buffer.alloc(length, "ü{}");
      const input = Buffer.concat([Buffer.from(`${TIMESTAMP}.`), body]);
      const { stdout } = spawnSync("openssl", ["dgst", "-sha256", "-hmac", SECRET, "-r"], { input });
      expect(check(header(TIMESTAMP, stdout.toString().slice(0, 64)), { body })).toEqual(AUTHENTIC);
    }
  },
);

test.each([
  ["spaces around the parts", ` timestamp=${TIMESTAMP} , signature=${SIGNATURE} `],
  ["spaces around the equals signs", `timestamp = ${TIMESTAMP},signature\t= ${SIGNATURE}`],
  ["the signature first", `signature=${SIGNATURE},timestamp=${TIMESTAMP}`],
  ["parts that it doesn't know", `v=1,timestamp=${TIMESTAMP},flag,signature=${SIGNATURE},key=a=b,`],
  ["hex in upper case", header(TIMESTAMP, SIGNATURE.toUpperCase())],
])("accepts %s, as Buildkite's own example does", (_what, given) => {
  expect(check(given)).toEqual(AUTHENTIC);
});

test.each([
  ["no header", undefined, "missing"],
  ["an empty header", "", "malformed"],
  ["a signature without a timestamp", `signature=${SIGNATURE}`, "malformed"],
  ["a timestamp that isn't a number", header("NaN"), "malformed"],
  ["a negative timestamp", header(-TIMESTAMP), "malformed"],
  ["a timestamp with a fraction", header(`${TIMESTAMP}.0`), "malformed"],
  ["a timestamp in hex", header("0x5fbdd0d0"), "malformed"],
  ["an empty timestamp", header(""), "malformed"],
  ["two timestamps", `timestamp=${TIMESTAMP},${header()}`, "malformed"],
  ["two signatures", `${header()},signature=${SIGNATURE}`, "malformed"],
  ["other names of the parts", `Timestamp=${TIMESTAMP},SIGNATURE=${SIGNATURE}`, "malformed"],
  ["a space within the hex", header(TIMESTAMP, SIGNATURE.replace(/^../, "$& ")), "malformed"],
  ["a header longer than 1,024 characters", `${header()},x=${"y".repeat(1024)}`, "malformed"],
  ["the header twice, as node joins it", `${header()}, ${header()}`, "malformed"],
  ["a truncated signature", header(TIMESTAMP, SIGNATURE.slice(0, 62)), "malformed"],
  ["garbage after the hex", header(TIMESTAMP, `${SIGNATURE}zz`), "malformed"],
  ["garbage in the hex", header(TIMESTAMP, `${SIGNATURE.slice(0, 62)}zz`), "malformed"],
  ["a comment after the hex", `${header()};v=1`, "malformed"],
  [
    "another signature",
    header(
      TIMESTAMP,
      SIGNATURE.replace(/^./, (hex) => (hex === "0" ? "1" : "0")),
    ),
    "mismatch",
  ],
  ["a timestamp other than the signed one", header(TIMESTAMP + 1), "mismatch"],
])("rejects %s", (_what, given, reason) => {
  expect(check(given)).toEqual(rejected(reason));
});

test("rejects a body if one byte has changed", () => {
  const body = Buffer.from(BODY);
  body[3] = (body[3] ?? 0) ^ 1;
  expect(check(header(), { body })).toEqual(rejected("mismatch"));
});

test.each([
  [-300, "authentic"],
  [300, "authentic"],
  [-301, "rejected"],
  [301, "rejected"],
])("if the clock is %i s off, the delivery is %s", (seconds, kind) => {
  expect(check(header(), { now: NOW + seconds * 1000 })).toMatchObject({ kind });
});

test("accepts either of two secrets, but no third", () => {
  const secrets = (...all: string[]): { secrets: WebhookSecrets } => ({
    secrets: { method: "signature", secrets: all },
  });
  expect(check(header(), secrets(SECRET, "next"))).toEqual(AUTHENTIC);
  expect(check(header(), secrets("previous", SECRET))).toEqual(AUTHENTIC);
  expect(check(header(), secrets("previous", "next"))).toEqual(rejected("mismatch"));
});

test.each([
  ["the token", SECRET, "authentic"],
  ["another token", "5c4d9e0b7b", "rejected"],
  ["a part of the token", SECRET.slice(1), "rejected"],
  ["more than the token", `${SECRET} `, "rejected"],
  ["no token", undefined, "rejected"],
])("with the token method, %s is %s", (_what, token, kind) => {
  const secrets: WebhookSecrets = { method: "token", secrets: ["previous", SECRET] };
  expect(checkAuthenticity(secrets, { signature: header(), token }, BODY, NOW)).toMatchObject({ kind });
});

law(
  "neither throws nor accepts anything that's made up",
  fc.property(fc.string(), fc.uint8Array(), (signature, body) => {
    expect(check(signature, { body: Buffer.from(body) })).toMatchObject({ kind: "rejected" });
  }),
);
