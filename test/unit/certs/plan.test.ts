import { describe, expect, test } from "vitest";
import { issueAuthority } from "../../../certs/authority.ts";
import type { Webhook } from "../../../certs/cluster.ts";
import { formatKey } from "../../../certs/issue.ts";
import { planCertificates, type Plan, type Situation } from "../../../certs/plan.ts";
import { parseSecret, type SecretTexts } from "../../../certs/secret.ts";
import { formatBundle, parseBundle } from "../../../certs/x509.ts";
import {
  DAY,
  DELAYS,
  HOST,
  installedSecret,
  LIFETIMES,
  MINUTE,
  nextKeys,
  reissued,
} from "../../support/certs/world.ts";

const START = new Date("2027-01-01T00:00:00Z");
const installed = installedSecret(START);
const validity = { now: START, lifetimeMs: LIFETIMES.authorityMs };
const authority = issueAuthority(validity, nextKeys());
const other = { cert: authority.certificate.toString(), key: formatKey(authority.key) };
/**
 * The Secret in the middle of a rotation: a new authority signs, the certificate is still the old
 * one's.
 */
const rotating: SecretTexts = { ...installed, bundle: other.cert + installed.bundle, authorityKey: other.key };
const rotated = reissued(rotating, [HOST], { now: START, lifetimes: LIFETIMES, keys: nextKeys() });

const hooks = (caBundle: string, host = HOST): Webhook[] =>
  ["jobs", "updates", "cronjobs"].map((name) => ({
    name,
    configuration: "curfew",
    host,
    caBundle: parseBundle(caBundle),
  }));

/** What a situation consists of, with the Secret's texts as they are stored. */
type Stored = Omit<Situation, "secret"> & { readonly secret: SecretTexts | undefined };

/** Plans with everything installed, agreed on and a day old, except for `changes`. */
function plan(changes: Partial<Stored> = {}): Plan {
  const { secret, ...situation }: Stored = {
    now: new Date(START.getTime() + DAY),
    secret: installed,
    webhooks: hooks(installed.bundle),
    agreement: { webhooksForMs: DAY, podsForMs: DAY },
    delays: DELAYS,
    ...changes,
  };
  return planCertificates({ ...situation, secret: secret && parseSecret(secret) });
}

const after = (ms: number): Date => new Date(START.getTime() + ms);
const edited = (changes: Partial<SecretTexts>): SecretTexts => ({ ...installed, ...changes });
const truncate = (pem: string): string => pem.slice(0, pem.length / 2);

describe("the next step", () => {
  test.each<[string, Partial<Stored>, string, string]>([
    ["first installation", { secret: undefined, webhooks: hooks("") }, "create-authority", "authority-missing"],
    ["Secret before webhooks", { secret: undefined, webhooks: [] }, "wait", "no-webhook"],
    ["webhooks deleted, certificate fresh", { webhooks: [] }, "wait", "settled"],
    [
      "webhooks deleted, certificate due",
      { webhooks: [], now: after(25 * DAY) },
      "issue-certificate",
      "certificate-due",
    ],
    [
      "authority made, nothing published",
      { secret: edited({ cert: "", key: "" }), webhooks: hooks("") },
      "publish",
      "authority-unpublished",
    ],
    [
      "first authority published",
      { secret: edited({ cert: "", key: "" }), agreement: { webhooksForMs: 0, podsForMs: 0 } },
      "issue-certificate",
      "certificate-missing",
    ],
    ["installed", {}, "wait", "settled"],
    ["certificate at 19 of 30 days", { now: after(19 * DAY) }, "wait", "settled"],
    ["certificate at two thirds of its life", { now: after(20 * DAY) }, "issue-certificate", "certificate-due"],
    ["certificate expired", { now: after(31 * DAY) }, "issue-certificate", "certificate-due"],
    [
      "certificate due, just restarted",
      { now: after(20 * DAY), agreement: { webhooksForMs: 0, podsForMs: 0 } },
      "wait",
      "publishing",
    ],
    ["authority at two thirds of its life", { now: after(244 * DAY) }, "create-authority", "authority-due"],
    ["authority expired", { now: after(400 * DAY) }, "create-authority", "authority-due"],
    ["new authority, not published", { secret: rotating }, "publish", "authority-unpublished"],
    [
      "new authority, one webhook missed",
      { secret: rotating, webhooks: [...hooks(rotating.bundle).slice(1), ...hooks(installed.bundle).slice(0, 1)] },
      "publish",
      "authority-unpublished",
    ],
    [
      "new authority, published just now",
      { secret: rotating, webhooks: hooks(rotating.bundle), agreement: { webhooksForMs: 29_999, podsForMs: DAY } },
      "wait",
      "publishing",
    ],
    [
      "new authority, published for long enough",
      { secret: rotating, webhooks: hooks(rotating.bundle), agreement: { webhooksForMs: 30_000, podsForMs: DAY } },
      "issue-certificate",
      "authority-replaced",
    ],
    [
      "new certificate, Pods still behind",
      { secret: rotated, webhooks: hooks(rotating.bundle), agreement: { webhooksForMs: DAY, podsForMs: 0 } },
      "wait",
      "rolling-out",
    ],
    [
      "new certificate, Pods have it just now",
      { secret: rotated, webhooks: hooks(rotating.bundle), agreement: { webhooksForMs: DAY, podsForMs: 9 * MINUTE } },
      "wait",
      "rolling-out",
    ],
    [
      "new certificate, Pods have it for long enough",
      { secret: rotated, webhooks: hooks(rotating.bundle) },
      "retire-authorities",
      "authority-superseded",
    ],
    [
      "old authority retired, still published",
      { secret: { ...rotated, bundle: other.cert }, webhooks: hooks(rotating.bundle) },
      "publish",
      "authority-superseded",
    ],
    [
      "old authority retired, process restarted",
      {
        secret: { ...rotated, bundle: other.cert },
        webhooks: hooks(rotating.bundle),
        agreement: { webhooksForMs: 0, podsForMs: 0 },
      },
      "wait",
      "rolling-out",
    ],
    ["Secret deleted", { secret: undefined }, "create-authority", "authority-missing"],
    ["authority's key deleted", { secret: edited({ authorityKey: "" }) }, "create-authority", "authority-missing"],
    [
      "authority's key replaced by another's",
      { secret: edited({ authorityKey: other.key }) },
      "create-authority",
      "authority-missing",
    ],
    [
      "authority truncated",
      { secret: edited({ bundle: truncate(installed.bundle) }) },
      "create-authority",
      "authority-missing",
    ],
    [
      "authority replaced by a serving certificate",
      { secret: edited({ bundle: installed.cert, authorityKey: installed.key }) },
      "create-authority",
      "authority-missing",
    ],
    ["certificate deleted", { secret: edited({ cert: "" }) }, "issue-certificate", "certificate-missing"],
    [
      "certificate truncated",
      { secret: edited({ cert: truncate(installed.cert) }) },
      "issue-certificate",
      "certificate-missing",
    ],
    [
      "certificate's key replaced by another's",
      { secret: edited({ key: other.key }) },
      "issue-certificate",
      "certificate-missing",
    ],
    [
      "certificate of an unknown authority",
      { secret: edited({ cert: rotated.cert, key: rotated.key }) },
      "issue-certificate",
      "certificate-missing",
    ],
    ["Secret restored from another installation", { webhooks: hooks(other.cert) }, "publish", "authority-unpublished"],
    ["caBundle wiped", { webhooks: hooks("") }, "publish", "authority-unpublished"],
    ["caBundle replaced by garbage", { webhooks: hooks("garbage") }, "publish", "authority-unpublished"],
    [
      "caBundle with a stranger added",
      { webhooks: hooks(installed.bundle + other.cert) },
      "publish",
      "authority-superseded",
    ],
    [
      "Service renamed",
      { webhooks: hooks(installed.bundle, "renamed.curfew-system.svc") },
      "issue-certificate",
      "service-unnamed",
    ],
    ["clock a month before the installation", { now: after(-31 * DAY) }, "issue-certificate", "certificate-due"],
    ["clock years before the installation", { now: after(-400 * DAY) }, "create-authority", "authority-due"],
  ])("%s", (_, changes, kind, because) => {
    expect(plan(changes)).toMatchObject({ kind, because });
  });
});

test("a new authority is trusted in addition to all those that Pods may still use, even if the Secret was lost", () => {
  const next = plan({ secret: undefined, webhooks: hooks(rotating.bundle) });
  expect(next.kind === "create-authority" && formatBundle(next.trust)).toBe(rotating.bundle);
});

test("an authority from another installation's Secret is published next to the old one until Pods have it", () => {
  const agreement = { webhooksForMs: DAY, podsForMs: 0 };
  const next = plan({ webhooks: hooks(other.cert), agreement });
  const caBundle = next.kind === "publish" ? next.caBundles.get("jobs") : undefined;
  expect(formatBundle(caBundle ?? [])).toBe(installed.bundle + other.cert);
});

test("only webhooks with an outdated caBundle are written", () => {
  const webhooks = hooks(installed.bundle).map((hook) => (hook.name === "jobs" ? { ...hook, caBundle: [] } : hook));
  const next = plan({ webhooks });
  expect(next.kind === "publish" && [...next.caBundles.keys()]).toEqual(["jobs"]);
});

test("a certificate names every Service that a webhook calls", () => {
  const webhooks = [
    ...hooks(installed.bundle),
    ...hooks(installed.bundle, "blue.curfew-system.svc").map((hook) => ({ ...hook, name: "fourth" })),
  ];
  expect(plan({ webhooks })).toMatchObject({ names: ["blue.curfew-system.svc", HOST] });
});

test("the wait ends when the certificate is due", () => {
  const next = plan();
  // A third of 30 days is left then, and one day is over now.
  expect(next.kind === "wait" && Math.round(next.ms / 3_600_000)).toBe(19 * 24);
});

test("two processes whose clocks are years apart don't fill the bundle endlessly", () => {
  let bundle = installed.bundle;
  for (let round = 0; round < 12; round += 1) {
    const next = plan({ secret: edited({ bundle }), now: after(400 * DAY) });
    if (next.kind !== "create-authority") throw new Error(`planned ${next.kind}`);
    const { certificate } = issueAuthority({ now: START, lifetimeMs: DAY }, nextKeys());
    bundle = formatBundle([certificate, ...next.trust]);
  }
  expect(parseBundle(bundle)).toHaveLength(8);
});
