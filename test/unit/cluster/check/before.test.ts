import { describe, expect, it } from "vitest";
import { BEFORE } from "../../../../src/cluster/check/before.ts";
import { EARLIER_GROUP } from "../../../../src/cluster/check/earlier.ts";
import { judge } from "../../../../src/cluster/check/finding.ts";
import { KUBERNETES_GROUP } from "../../../../src/cluster/check/kubernetes.ts";
import { NEIGHBOURS_GROUP } from "../../../../src/cluster/check/neighbours.ts";
import { busy, known } from "../../../../src/cluster/check/answer.ts";
import type { Pod, WebhookEntry } from "../../../../src/cluster/check/objects.ts";
import { PERMISSIONS_GROUP } from "../../../../src/cluster/check/permissions.ts";
import { plannedPod } from "../../../../src/cluster/check/sample.ts";
import { WRAPPERS_GROUP, type WrapperTrial } from "../../../../src/cluster/check/wrappers.ts";
import {
  BEFORE_FACTS as FACTS,
  deployment,
  findingsOf,
  may,
  named,
  trouble,
} from "../../../support/cluster/check-facts.ts";

const marks = judge(BEFORE, FACTS).flatMap(({ findings }) => findings.map(({ check, mark }) => `${check} ${mark}`));

it("a bare cluster is good, but there must be a namespace to try Pods in", () => {
  expect(marks.filter((each) => !each.endsWith(" good"))).toEqual(["wrapped-pods warning"]);
  expect(marks).toContain("permissions good");
});

describe("Kubernetes", () => {
  it.each(["v1.29.9", "v1.9.0", "v0.40.0"])("%s is too old", (version) => {
    expect(trouble(KUBERNETES_GROUP, { ...FACTS, version: known(version) })).toEqual([
      `bad kubernetes-version: version ${version} is older than 1.30`,
    ]);
  });

  it.each(["v1.30.0", "v1.36.2-gke.100", "v2.0.0"])("%s is new enough", (version) => {
    expect(trouble(KUBERNETES_GROUP, { ...FACTS, version: known(version) })).toEqual([]);
  });

  it("an API that isn't served is named", () => {
    const admissionResources = known(["mutatingwebhookconfigurations"]);
    expect(trouble(KUBERNETES_GROUP, { ...FACTS, admissionResources })).toEqual([
      "bad admission-apis: the API server doesn't serve validatingadmissionpolicies, validatingadmissionpolicybindings",
    ]);
  });

  it("an admission plugin that the API server's flags turn off is named", () => {
    const command = ["kube-apiserver", "--disable-admission-plugins=Foo,MutatingAdmissionWebhook"];
    const apiServers = known([
      { ...named("kube-apiserver"), spec: { containers: [{ name: "kube-apiserver", command }] } },
    ]);
    expect(trouble(KUBERNETES_GROUP, { ...FACTS, apiServers })).toEqual([
      "bad admission-plugins: the API server disables MutatingAdmissionWebhook",
    ]);
  });

  it("nodes without native sidecars are counted", () => {
    const node = (kubeletVersion: string) => ({ ...named("node"), status: { nodeInfo: { kubeletVersion } } });
    expect(trouble(KUBERNETES_GROUP, { ...FACTS, nodes: known([node("v1.28.3"), node("v1.30.1")]) })).toEqual([
      "warning kubelet-versions: 1 of 2 nodes are older than 1.29 and don't support native sidecars",
    ]);
  });
});

it("missing permissions are listed by resource", () => {
  const permissions = FACTS.permissions.map(({ permission }) => ({
    permission,
    allowed: known(permission.resource !== "clusterroles"),
  }));
  expect(trouble(PERMISSIONS_GROUP, { ...FACTS, permissions })).toEqual([
    "bad permissions: you're not allowed to get, create, patch clusterroles",
  ]);
});

it("what's there of an earlier Curfew is listed", () => {
  const facts = {
    ...FACTS,
    deployments: known([deployment("admission")]),
    mutating: known([named("zz-curfew"), named("other")]),
  };
  expect(trouble(EARLIER_GROUP, facts)).toEqual([
    "warning earlier-installation: found Deployment curfew-system/curfew-admission (0.1.0), MutatingWebhookConfiguration zz-curfew",
  ]);
});

describe("other webhooks", () => {
  const JOBS = { apiGroups: ["batch"], resources: ["jobs"], operations: ["CREATE"] };
  const ALL = { apiGroups: ["*"], resources: ["*/*"], operations: ["*"] };
  const entry = (more: Partial<WebhookEntry>): WebhookEntry => ({
    name: "x.example.org",
    clientConfig: { service: { namespace: "theirs", name: "hook" } },
    rules: [JOBS],
    ...more,
  });
  const configuration = (name: string, more: Partial<WebhookEntry> = {}) => ({
    ...named(name),
    webhooks: [entry(more)],
  });

  it("that come after Curfew's turn are named: for Jobs its first, for Pods its last", () => {
    const mutating = known([
      configuration("argo"),
      configuration("kueue"),
      configuration("zzz", { rules: [ALL] }),
      configuration("linkerd", { rules: [{ ...JOBS, apiGroups: [""], resources: ["pods"] }] }),
    ]);
    expect(trouble(NEIGHBOURS_GROUP, { ...FACTS, mutating })).toEqual([
      "warning webhooks-after: run after curfew for Jobs: kueue, zzz",
      "warning webhooks-after: run after zz-curfew for Pods: zzz",
    ]);
  });

  it.each([
    ["another resource", { rules: [{ ...JOBS, resources: ["cronjobs"] }] }],
    ["a subresource", { rules: [{ ...JOBS, resources: ["jobs/status"] }] }],
    ["another group", { rules: [{ ...JOBS, apiGroups: ["kueue.x-k8s.io"] }] }],
    ["updates only", { rules: [{ ...JOBS, operations: ["UPDATE"] }] }],
  ])("on %s don't matter", (_, more) => {
    const mutating = known([configuration("zzz", more)]);
    expect(trouble(NEIGHBOURS_GROUP, { ...FACTS, mutating })).toEqual([]);
  });

  it("that refuse everything because nothing is ready behind them are bad; those that select may be fine", () => {
    const selects = { objectSelector: { matchLabels: { a: "b" } } };
    const facts = {
      ...FACTS,
      mutating: known([configuration("argo", selects)]),
      validating: known([configuration("gate"), configuration("lenient", { failurePolicy: "Ignore" })]),
      deadServices: known(["theirs/hook"]),
    };
    expect(trouble(NEIGHBOURS_GROUP, facts)).toEqual([
      "warning webhooks-down: argo refuses some new Jobs: its Service theirs/hook has no ready Pod",
      "bad webhooks-down: gate refuses all new Jobs: its Service theirs/hook has no ready Pod",
    ]);
  });

  it("that may not be listed are skipped", () => {
    const mutating = may("list mutatingwebhookconfigurations");
    expect(trouble(NEIGHBOURS_GROUP, { ...FACTS, mutating })[0]).toBe(
      "warning webhooks-before: skipped: you're not allowed to list mutatingwebhookconfigurations",
    );
  });
});

describe("namespaces that are tried", () => {
  const sent = { trap: plannedPod("trap") as Pod, native: plannedPod("native") as Pod };
  const accepted = (object: Pod) => ({ kind: "accepted", object }) as const;
  const refused = (message: string) => ({ kind: "refused", message }) as const;
  const ALL_WELL: WrapperTrial = {
    namespace: "ci",
    sent,
    tried: { trap: accepted(sent.trap), native: accepted(sent.native) },
    plain: undefined,
  };
  const troubleOf = (more: Partial<WrapperTrial>) =>
    trouble(WRAPPERS_GROUP, { ...FACTS, candidates: 1, trials: known([{ ...ALL_WELL, ...more }]) });

  it("are good if they take the Pods of both strategies", () => {
    expect(troubleOf({})).toEqual([]);
  });

  it("are to be looked at if they refuse one strategy, and bad if they refuse both", () => {
    const no = refused("no emptyDir in memory");
    const plain = accepted(sent.trap);
    expect(troubleOf({ tried: { trap: no, native: accepted(sent.native) }, plain })).toEqual([
      "warning wrapped-pods: ci refuses Pods of strategy trap: no emptyDir in memory",
    ]);
    expect(troubleOf({ tried: { trap: no, native: no }, plain }).map((each) => each.split(" ")[0])).toEqual([
      "bad",
      "bad",
    ]);
  });

  it("aren't blamed if they refuse a Pod without Curfew, too", () => {
    const no = refused('pods "x" is forbidden: exceeded quota');
    expect(troubleOf({ tried: { trap: no, native: no }, plain: no })).toEqual([
      'warning wrapped-pods: skipped: even a plain Pod is refused in ci: pods "x" is forbidden: exceeded quota',
    ]);
  });

  it("aren't called good if they couldn't be asked, and those that say the same share a line", () => {
    const no = (namespace: string) => busy(`create pods in ${namespace}`, "429 too many requests");
    const tried = { trap: no("ci"), native: accepted(sent.native) };
    expect(findingsOf(WRAPPERS_GROUP, { ...FACTS, candidates: 1, trials: known([{ ...ALL_WELL, tried }]) })).toEqual([
      expect.objectContaining({
        skipped: true,
        text: "skipped: Pods of strategy trap in ci: can't create pods in ci: 429 too many requests",
      }),
    ]);
    const denied = (namespace: string): WrapperTrial => {
      const plain = may(`create pods in ${namespace}`);
      return { ...ALL_WELL, namespace, tried: { trap: plain, native: plain }, plain };
    };
    const texts = findingsOf(WRAPPERS_GROUP, { ...FACTS, candidates: 2, trials: known([denied("a"), denied("b")]) });
    expect(texts.map(({ text }) => text)).toEqual(["skipped: a, b: you're not allowed to create pods in a"]);
  });

  it("are to be looked at if a webhook takes something away from the Pods", () => {
    const containers = (sent.native.spec.initContainers ?? []).map((each) => ({ ...each, restartPolicy: "Never" }));
    const stripped = { ...sent.native, spec: { ...sent.native.spec, initContainers: containers } };
    expect(troubleOf({ tried: { trap: accepted(sent.trap), native: accepted(stripped) } })).toEqual([
      "warning wrapped-pods: a webhook changes Pods of strategy native in ci: sidecar loses restartPolicy: Always",
    ]);
  });
});
