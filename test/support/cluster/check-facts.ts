/** Facts of a cluster in which all is well, for tests to change. */
import { X509Certificate } from "node:crypto";
import type { AfterFacts } from "../../../src/cluster/check/after.ts";
import { denied, known } from "../../../src/cluster/check/answer.ts";
import type { BeforeFacts } from "../../../src/cluster/check/before.ts";
import { judge, type Group, type ReportedFinding } from "../../../src/cluster/check/finding.ts";
import { INSTALL_PERMISSIONS } from "../../../src/cluster/check/permissions.ts";
import { BINDINGS, POLICY_NAMES } from "../../../src/cluster/check/own-names.ts";
import { issueAuthority } from "../../../certs/authority.ts";
import { generateKeys } from "../../../certs/issue.ts";
import { issueServing } from "../../../certs/serving.ts";
import { CERTS_SETTINGS } from "../../../certs/settings.ts";

export const NOW = new Date("2026-12-01T12:00:00Z");
export const DAY_MS = 86_400_000;
const HOST = "curfew-admission.curfew-system.svc";

const keys = generateKeys();
export const authority = issueAuthority({ now: NOW, lifetimeMs: 365 * DAY_MS }, keys);
export const leaf = new X509Certificate(
  issueServing(authority, [HOST], { now: NOW, lifetimeMs: 30 * DAY_MS }, keys).certificate.toString(),
);
export const stranger = issueAuthority({ now: NOW, lifetimeMs: DAY_MS }, keys).certificate;

const NAMES = ["curfew", "zz-curfew"];
const LABELS = { "app.kubernetes.io/version": "0.1.0" };

export const named = (name: string, labels = {}) => ({ metadata: { name, labels } });

export function deployment(component: string, more: { image?: string; labels?: object; status?: object } = {}) {
  return {
    metadata: {
      name: `curfew-${component}`,
      namespace: "curfew-system",
      generation: 1,
      labels: { "app.kubernetes.io/component": component, ...LABELS, ...more.labels },
    },
    spec: {
      replicas: 2,
      template: { spec: { containers: [{ name: component, image: more.image ?? "curfew:0.1.0" }] } },
    },
    status: { observedGeneration: 1, readyReplicas: 2, updatedReplicas: 2, ...more.status },
  };
}

export const metricsOf = (until: Date, more = ""): string =>
  `# HELP x\ncurfew_certificate_expiry_timestamp_seconds ${until.getTime() / 1000}\n${more}`;

const COMMON = {
  names: { namespace: "curfew-system", configurations: NAMES },
  namespace: "curfew-system",
  own: NAMES,
  version: known("v1.36.0"),
  admissionResources: known([
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
  ]),
  apiServers: known([]),
  nodes: known([]),
  validating: known([]),
  mutatingPolicies: known(undefined),
  deadServices: known([]),
};

export const BEFORE_FACTS: BeforeFacts = {
  ...COMMON,
  mutating: known([]),
  policies: known([]),
  bindings: known([]),
  deployments: known([]),
  namespaces: known([named("default"), named("kube-system")]),
  permissions: INSTALL_PERMISSIONS.map((permission) => ({ permission, allowed: known(true) })),
  candidates: 0,
  trials: known([]),
};

export const AFTER_FACTS: AfterFacts = {
  ...COMMON,
  now: NOW,
  programVersion: "0.1.0",
  mutating: known(NAMES.map((name) => named(name, LABELS))),
  policies: known(POLICY_NAMES.map((name) => ({ ...named(name), spec: {} }))),
  bindings: known(
    BINDINGS.map(({ binding, policy }) => ({
      ...named(binding),
      spec: { policyName: policy, validationActions: ["Deny"] },
    })),
  ),
  deployments: known([deployment("admission"), deployment("certs")]),
  namespaces: known([named("default"), named("curfew-system", { "curfew.sh/excluded": "true" })]),
  hasCertManager: false,
  serving: known([{ name: "pod-1", startTime: "2026-12-01T11:00:00Z", metrics: known(metricsOf(leaf.validToDate)) }]),
  secretName: CERTS_SETTINGS.secret.fallback,
  secret: known({ bundle: [authority.certificate], authority, leaf }),
  configurations: NAMES.map((name) => ({ name, version: "" })),
  webhooks: NAMES.map((name) => ({
    name: `entry-of-${name}`,
    configuration: name,
    host: HOST,
    caBundle: [authority.certificate],
  })),
  trials: [],
  entries: [],
  events: known([]),
};

export const may = (what: string) => denied(what);

/** What the group's checks find. */
export function findingsOf<Facts>(group: Group<Facts>, facts: Facts): readonly ReportedFinding[] {
  return judge([group], facts).flatMap(({ findings }) => findings);
}

/** The findings that aren't good, each as `mark check: text`. */
export function trouble<Facts>(group: Group<Facts>, facts: Facts): string[] {
  return findingsOf(group, facts)
    .filter(({ mark }) => mark !== "good")
    .map(({ mark, check, text }) => `${mark} ${check}: ${text}`);
}
