import { describe, expect, it } from "vitest";
import { AFTER, isInstalled } from "../../../../src/cluster/check/after.ts";
import { busy, known } from "../../../../src/cluster/check/answer.ts";
import { CERTIFICATES_GROUP } from "../../../../src/cluster/check/certificates.ts";
import { DEPLOYMENTS_GROUP } from "../../../../src/cluster/check/deployments.ts";
import { ENTRIES_GROUP, type EntryTrial } from "../../../../src/cluster/check/entries.ts";
import { judge } from "../../../../src/cluster/check/finding.ts";
import { NAMESPACES_GROUP } from "../../../../src/cluster/check/namespaces.ts";
import { OPS_PORT_GROUP } from "../../../../src/cluster/check/ops-port.ts";
import { POLICIES_GROUP } from "../../../../src/cluster/check/policies.ts";
import { REFUSALS_GROUP } from "../../../../src/cluster/check/refusals.ts";
import { chooseNamespace } from "../../../../src/cluster/check/try-entries.ts";
import { serverVersion, VERSIONS_GROUP } from "../../../../src/cluster/check/versions.ts";
import {
  AFTER_FACTS as FACTS,
  DAY_MS,
  deployment,
  findingsOf,
  leaf,
  may,
  metricsOf,
  named,
  NOW,
  stranger,
  trouble,
} from "../../../support/cluster/check-facts.ts";

it("an installation in which all is well has no other finding", () => {
  const found = judge(AFTER, FACTS).flatMap(({ findings }) => findings);
  expect(found.filter(({ mark }) => mark !== "good")).toEqual([]);
  expect(new Set(found.map(({ check }) => check)).size).toBeGreaterThan(12);
});

it("a cluster without Curfew is one, whatever else is in it", () => {
  expect(isInstalled(FACTS)).toBe(true);
  expect(isInstalled({ ...FACTS, deployments: known([]), mutating: known([named("other")]) })).toBe(false);
});

describe("a Deployment", () => {
  const troubleOf = (...deployments: ReturnType<typeof deployment>[]) =>
    trouble(DEPLOYMENTS_GROUP, { ...FACTS, deployments: known(deployments) });

  it("without a ready Pod is bad, and with too few it's to be looked at", () => {
    expect(
      troubleOf(
        deployment("admission", { status: { readyReplicas: 0 } }),
        deployment("certs", { status: { readyReplicas: 1 } }),
      ),
    ).toEqual([
      "bad deployments: curfew-admission: 0 of 2 Pods are ready",
      "warning deployments: curfew-certs: 1 of 2 Pods are ready",
    ]);
  });

  it("that's being rolled out is to be looked at", () => {
    expect(troubleOf(deployment("admission", { status: { updatedReplicas: 1 } }), deployment("certs"))).toEqual([
      "warning deployments: curfew-admission is being rolled out: 1 of 2 Pods are new",
    ]);
  });

  it("that's scaled to 0 is bad for the admission server only", () => {
    const none = (component: string) => {
      const { spec, ...rest } = deployment(component, { status: { readyReplicas: 0 } });
      return { ...rest, spec: { ...spec, replicas: 0 } };
    };
    expect(troubleOf(none("admission"), none("certs"), none("dispatch"))).toEqual([
      "bad deployments: curfew-admission is scaled to 0: no Job is planned, and Jobs that opt in themselves are refused",
      "warning deployments: curfew-certs is scaled to 0: nothing renews the certificate",
      "warning deployments: curfew-dispatch is scaled to 0",
    ]);
  });

  it("that's missing is bad, but with cert-manager none is needed for certificates", () => {
    expect(troubleOf(deployment("admission"))).toEqual([
      "bad deployments: there's no Deployment for certs in curfew-system",
    ]);
    const facts = { ...FACTS, hasCertManager: true, deployments: known([deployment("admission")]) };
    expect(trouble(DEPLOYMENTS_GROUP, facts)).toEqual([]);
  });
});

describe("the version of the server", () => {
  it.each([
    ["the image's tag", "registry.example:5000/curfew:0.2.0", "0.2.0"],
    ["the tag before a digest", "registry.example/curfew:v0.2.0@sha256:abc", "0.2.0"],
    ["the label, if the tag is no version", "curfew:test-17", "0.1.0"],
    ["the label, if there's only a digest", "registry.example:5000/curfew@sha256:abc", "0.1.0"],
  ])("is %s", (_, image, version) => {
    expect(serverVersion(deployment("admission", { image }))).toBe(version);
  });

  it("may differ from that of manifests and program, which is to be looked at", () => {
    const facts = {
      ...FACTS,
      deployments: known([deployment("admission", { image: "curfew:0.2.0" })]),
      mutating: known([named("curfew", { "app.kubernetes.io/version": "0.0.9" }), named("zz-curfew"), named("other")]),
    };
    expect(trouble(VERSIONS_GROUP, facts)).toEqual([
      "warning server-version: curfew-admission is version 0.2.0, but this program is 0.1.0",
      "warning manifest-version: MutatingWebhookConfiguration curfew is version 0.0.9, but this program is 0.1.0",
      "warning manifest-version: MutatingWebhookConfiguration zz-curfew doesn't say its version: it has no label app.kubernetes.io/version",
    ]);
  });
});

describe("the operations port", () => {
  const pod = (name: string, metrics: ReturnType<typeof may> | ReturnType<typeof known<string>>) => ({
    name,
    startTime: undefined,
    metrics,
  });

  it("is skipped, with the permission that's missing", () => {
    const serving = known([pod("one", may("get pods/proxy in curfew-system"))]);
    expect(findingsOf(OPS_PORT_GROUP, { ...FACTS, serving })).toMatchObject([
      {
        mark: "warning",
        skipped: true,
        text: "skipped: 0 of 1 admission Pods answer: you're not allowed to get pods/proxy in curfew-system",
        hint: "run the check as a user who's allowed to get pods/proxy in curfew-system, or ask for that permission",
      },
    ]);
  });

  it("can't answer if no Pod is ready", () => {
    expect(trouble(OPS_PORT_GROUP, { ...FACTS, serving: known([]) })).toHaveLength(1);
  });
});

describe("certificates", () => {
  it("are good with the days that are left", () => {
    const texts = findingsOf(CERTIFICATES_GROUP, FACTS).map(({ text }) => text);
    expect(texts[1]).toMatch(/^authority "curfew webhook CA .*, 365 days left$/);
    expect(texts[2]).toMatch(/^serving certificate .*, 30 days left$/);
    expect(texts).toContain("2 of 2 webhooks have a caBundle that trusts the authority, 365 days left");
    expect(texts).toContain("1 of 1 Pods serve the Secret's certificate, 30 days left");
  });

  it("that are due for renewal are to be looked at, and bad once they have expired", () => {
    const at = (days: number) =>
      trouble(CERTIFICATES_GROUP, { ...FACTS, now: new Date(NOW.getTime() + days * DAY_MS) });
    expect(at(21)).toEqual([
      expect.stringMatching(/^warning certificates: serving certificate .*, due for renewal since .*, 9 days left$/),
    ]);
    expect(at(33)).toContainEqual(
      expect.stringMatching(/^bad certificates: serving certificate .*, expired 3 days ago$/),
    );
  });

  it("that a webhook doesn't trust are named by the webhook, and there's one line for all of them", () => {
    const webhooks = FACTS.webhooks.map((webhook) => ({ ...webhook, caBundle: [stranger] }));
    expect(trouble(CERTIFICATES_GROUP, { ...FACTS, webhooks })).toEqual([
      "bad ca-bundles: 0 of 2 webhooks have a caBundle that trusts the authority; these don't: entry-of-curfew, entry-of-zz-curfew",
    ]);
  });

  it("that aren't there make one line", () => {
    expect(trouble(CERTIFICATES_GROUP, { ...FACTS, secret: known(undefined) })).toEqual([
      "bad certificates: Secret curfew-system/curfew-certificates doesn't exist: is curfew certs running?",
    ]);
  });

  it("in a Secret that may not be read leave the caBundles and what Pods present", () => {
    const facts = { ...FACTS, secret: may("get the Secret curfew-system/curfew-certificates") };
    expect(trouble(CERTIFICATES_GROUP, facts)).toEqual([
      "warning certificates: skipped: you're not allowed to get the Secret curfew-system/curfew-certificates",
    ]);
    expect(findingsOf(CERTIFICATES_GROUP, facts).filter(({ mark }) => mark === "good")).toHaveLength(2);
  });

  it("of cert-manager need no authority's key", () => {
    const secret = known({
      bundle: [...(FACTS.secret.kind === "known" ? (FACTS.secret.value?.bundle ?? []) : [])],
      authority: undefined,
      leaf,
    });
    expect(trouble(CERTIFICATES_GROUP, { ...FACTS, secret, hasCertManager: true })).toEqual([]);
    expect(trouble(CERTIFICATES_GROUP, { ...FACTS, secret })).not.toEqual([]);
  });

  it("that a Pod serves with, and that aren't the Secret's, are to be looked at", () => {
    const serving = known([{ name: "old", startTime: undefined, metrics: known(metricsOf(stranger.validToDate)) }]);
    expect(trouble(CERTIFICATES_GROUP, { ...FACTS, serving })).toEqual([
      "warning presented-certificate: old serves a certificate other than the Secret's, 1 day left",
    ]);
  });
});

describe("policies", () => {
  it("that are missing, unbound or don't deny are told apart", () => {
    const bindings = FACTS.bindings.kind === "known" ? (FACTS.bindings.value ?? []) : [];
    const facts = {
      ...FACTS,
      policies: known([{ ...named("curfew-pods"), spec: {} }]),
      bindings: known(
        bindings
          .filter(({ metadata }) => metadata.name !== "curfew-pods")
          .map((each) => ({ ...each, spec: { ...each.spec, validationActions: ["Audit"] } })),
      ),
    };
    expect(trouble(POLICIES_GROUP, facts)).toEqual([
      "bad policies: ValidatingAdmissionPolicy curfew-jobs doesn't exist",
      "bad policies: ValidatingAdmissionPolicyBinding curfew-pods doesn't bind the policy curfew-pods",
      "warning policies: ValidatingAdmissionPolicyBinding curfew-pods-enabled refuses nothing: its validationActions are Audit",
    ]);
  });
});

describe("a webhook entry", () => {
  const TRIAL: EntryTrial = {
    entry: "entry.curfew.sh",
    what: "a Job with the label",
    namespace: "default",
    mark: "curfew.sh/injected",
    tried: { kind: "accepted", object: { metadata: { name: "x", annotations: { "curfew.sh/injected": "trap" } } } },
  };
  const find = (tried: EntryTrial["tried"], entries = ["entry.curfew.sh"]) =>
    findingsOf(ENTRIES_GROUP, { ...FACTS, entries, trials: [{ ...TRIAL, tried }] })[0];

  it("is good if the Job got its plan", () => {
    expect(find(TRIAL.tried)).toMatchObject({ mark: "good", text: "a Job with the label in default is planned" });
  });

  it.each([
    [
      'no endpoints available for service "curfew-admission"',
      "no-endpoints-available-connection-refused-no-route-to-host",
    ],
    [
      "dial tcp 10.96.0.1:443: connect: connection refused",
      "no-endpoints-available-connection-refused-no-route-to-host",
    ],
    ["context deadline exceeded", "context-deadline-exceeded"],
    [
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "x509-certificate-signed-by-unknown-authority",
    ],
    [
      "x509: certificate has expired or is not yet valid: current time …",
      "x509-certificate-has-expired-or-is-not-yet-valid",
    ],
    ["x509: certificate is valid for a.b.svc, not c.d.svc", "x509-certificate-is-valid-for--not-"],
  ])("that fails by %s leads to the page about it", (why, anchor) => {
    const message = `Internal error occurred: failed calling webhook "entry.curfew.sh": failed to call webhook: Post "https://x.svc:443/mutate?timeout=5s": ${why}`;
    expect(find({ kind: "refused", message })).toMatchObject({
      mark: "bad",
      text: `a Job with the label in default is refused: "entry.curfew.sh" doesn't answer: ${why}`,
      docs: `https://curfew.sh/docs/operations#${anchor}`,
    });
  });

  it("that leaves the Job as it is got no answer, or doesn't exist", () => {
    const tried = { kind: "accepted", object: { metadata: { name: "x" } } } as const;
    expect(find(tried)?.text).toBe("a Job with the label in default isn't planned: entry.curfew.sh didn't answer");
    expect(find(tried, [])?.text).toBe(
      "a Job with the label in default isn't planned: no webhook is named entry.curfew.sh",
    );
  });

  it("is skipped if you're not allowed to create Jobs or the API server is busy, and bad if nothing answers in time", () => {
    expect(find(busy("create jobs", "429 too many requests"))).toMatchObject({
      mark: "warning",
      text: "skipped: a Job with the label in default: can't create jobs: 429 too many requests",
    });
    expect(find(may("create jobs in default"))).toMatchObject({ mark: "warning", skipped: true });
    expect(find({ kind: "unknown", why: "can't create jobs: no answer" })).toMatchObject({ mark: "bad" });
  });
});

describe("the namespace for dry runs", () => {
  const excluded = { "curfew.sh/excluded": "" };
  it.each([
    ["default", [named("a"), named("default")], "default"],
    [
      "one that's opted in, if default is excluded",
      [named("a"), named("b", { "curfew.sh/enabled": "true" }), named("default", excluded)],
      "b",
    ],
    ["any other, if none is opted in", [named("kube-public"), named("a"), named("default", excluded)], "a"],
    ["default, if namespaces may not be listed", [], "default"],
  ])("is %s", (_, all, chosen) => {
    expect(chooseNamespace(all)).toBe(chosen);
  });
});

describe("namespaces", () => {
  it("that are opted in and excluded are listed", () => {
    const namespaces = known([
      named("ci", { "curfew.sh/enabled": "true" }),
      named("db", { "curfew.sh/excluded": "x" }),
      named("curfew-system"),
    ]);
    expect(findingsOf(NAMESPACES_GROUP, { ...FACTS, namespaces }).map(({ text }) => text)).toEqual([
      "1 opted in with all their Jobs: ci",
      "excluded by curfew.sh/excluded: db",
    ]);
  });

  it("whose label has no effect are to be looked at", () => {
    const namespaces = known([
      named("a", { "curfew.sh/enabled": "yes" }),
      named("b", { "curfew.sh/enabled": "true", "curfew.sh/excluded": "" }),
      named("c", { "curfew.sh/enabled": "false" }),
    ]);
    expect(trouble(NAMESPACES_GROUP, { ...FACTS, namespaces })).toEqual([
      'warning opt-in-without-effect: a isn\'t opted in: its curfew.sh/enabled is "yes", not "true"',
      "warning opt-in-without-effect: b isn't opted in, although it has curfew.sh/enabled: curfew.sh/excluded wins",
    ]);
  });
});

describe("refusals", () => {
  const event = (name: string, message: string, minutesAgo: number) => ({
    involvedObject: { kind: "CronJob", namespace: "ci", name },
    message,
    lastTimestamp: new Date(NOW.getTime() - minutesAgo * 60_000).toISOString(),
  });
  const denied =
    'Error creating job: admission webhook "jobs-labelled-enabled-need-curfew-running.curfew.sh" denied the request: unclear';

  it("of the last hour are told by controllers' events, if they are Curfew's", () => {
    const events = known([
      event("nightly", denied, 5),
      event("nightly", denied, 9),
      event("old", denied, 61),
      event("quota", "exceeded quota", 1),
    ]);
    expect(trouble(REFUSALS_GROUP, { ...FACTS, events })).toEqual([
      `warning refused-by-events: CronJob ci/nightly couldn't create an object in the last hour: ${denied}`,
    ]);
  });

  it("are counted by reason since the Pods started, and reviews without an answer are to be looked at", () => {
    const metrics = [
      'curfew_admission_requests_total{kind="Job",operation="CREATE",outcome="refused",reason="roles-unclear"} 2',
      'curfew_admission_requests_total{kind="Pod",operation="CREATE",outcome="refused",reason="roles-unclear"} 1',
      'curfew_admission_requests_total{kind="Job",operation="CREATE",outcome="patched",reason="trap"} 7',
      'curfew_admission_requests_total{kind="unknown",operation="unknown",outcome="failed",reason="busy"} 0',
      'curfew_admission_requests_total{kind="unknown",operation="unknown",outcome="failed",reason="bug"} 1',
    ].join("\n");
    const serving = known([{ name: "one", startTime: "2026-12-01T11:00:00Z", metrics: known(metrics) }]);
    expect(
      findingsOf(REFUSALS_GROUP, { ...FACTS, serving })
        .map(({ text }) => text)
        .slice(1),
    ).toEqual([
      "3 refused since the admission Pods started (2026-12-01T11:00:00Z): roles-unclear 3",
      "reviews without an answer since then: bug 1",
    ]);
  });
});
