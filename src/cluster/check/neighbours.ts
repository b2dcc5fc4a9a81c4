/** Other people's webhooks and policies on Jobs and Pods. */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { bad, good, warning, type Finding, type Group } from "./finding.ts";
import { POLICY_NAMES } from "./own-names.ts";
import { configurationsFor, listed, looksAt, looksAtAll, type Target } from "./matching.ts";
import type { Policy, Rule, WebhookConfiguration, WebhookEntry } from "./objects.ts";

export interface NeighbourFacts {
  /** The names of Curfew's own configurations, first and last. */
  readonly own: readonly string[];
  readonly mutating: Answer<readonly WebhookConfiguration[] | undefined>;
  readonly validating: Answer<readonly WebhookConfiguration[] | undefined>;
  readonly policies: Answer<readonly Policy[] | undefined>;
  /** The value is undefined if the API server doesn't serve MutatingAdmissionPolicies. */
  readonly mutatingPolicies: Answer<readonly Policy[] | undefined>;
  /** `namespace/name` of the Services of webhooks on Jobs and Pods that no Pod is ready behind. */
  readonly deadServices: Answer<readonly string[]>;
}

export const NEIGHBOURS_GROUP: Group<NeighbourFacts> = {
  title: "Other webhooks and policies for Jobs and Pods",
  checks: [
    {
      id: "webhooks-before",
      run: (facts) => whenKnown(facts.mutating, (all) => before(foreign(all, facts.own), facts)),
    },
    { id: "webhooks-after", run: (facts) => whenKnown(facts.mutating, (all) => after(foreign(all, facts.own), facts)) },
    { id: "validation", run: validationFindings },
    { id: "webhooks-down", run: downFindings },
  ],
};

function foreign(
  all: readonly WebhookConfiguration[] | undefined,
  own: readonly string[],
): readonly WebhookConfiguration[] {
  return (all ?? []).filter(({ metadata }) => !own.includes(metadata.name));
}

const nameOf = ({ metadata }: WebhookConfiguration | Policy): string => metadata.name;

/** The configuration whose turn counts: Curfew's first for Jobs, its last for Pods. */
function turnOf(own: readonly string[], target: Target): string {
  const sorted = own.toSorted();
  return (target === "Jobs" ? sorted[0] : sorted.at(-1)) ?? "";
}

function before(others: readonly WebhookConfiguration[], { own, mutatingPolicies }: NeighbourFacts): Finding[] {
  const early = (["Jobs", "Pods"] as const).flatMap((target) =>
    configurationsFor(others, target).filter((each) => nameOf(each) < turnOf(own, target)),
  );
  // Policies come before all webhooks (k8s.io/kubernetes, pkg/kubeapiserver/options/plugins.go).
  const policies = mutatingPolicies.kind === "known" ? (mutatingPolicies.value ?? []) : [];
  const onOurs = policies.filter(({ spec }) => isOnOurs(spec.matchConstraints?.resourceRules));
  const names = [...new Set([...onOurs, ...early].map(nameOf))];
  return names.length === 0
    ? [good("none changes them before Curfew")]
    : [good(`run before Curfew, which sees their changes: ${listed(names)}`)];
}

function after(others: readonly WebhookConfiguration[], { own }: NeighbourFacts): Finding[] {
  const findings = (["Jobs", "Pods"] as const).flatMap((target) => {
    const turn = turnOf(own, target);
    const late = configurationsFor(others, target).filter((each) => nameOf(each) > turn);
    if (late.length === 0) return [];
    const names = listed(late.map(nameOf));
    const risk =
      target === "Jobs"
        ? "fine unless one adds curfew.sh/enabled, which Curfew doesn't see. If one does, give it a name that sorts before"
        : "fine unless one is called again and adds its container twice. If one does, give it a name that sorts before";
    return [
      warning(
        `run after ${turn} for ${target}: ${names}`,
        `${risk} ${turn}`,
        docsUrl("operations", "webhooks-that-change-jobs"),
      ),
    ];
  });
  return findings.length === 0 ? [good("none changes them after Curfew")] : findings;
}

const isOnOurs = (rules: readonly Rule[] | undefined): boolean => looksAt(rules, "Jobs") || looksAt(rules, "Pods");

function validationFindings({ validating, policies }: NeighbourFacts): readonly Finding[] {
  return whenKnown(validating, (webhooks) =>
    whenKnown(policies, (all) => {
      const others = (all ?? []).filter(({ metadata }) => !POLICY_NAMES.includes(metadata.name));
      const names = [
        ...(webhooks ?? []).filter((each) =>
          each.webhooks?.some(({ rules }) => looksAt(rules, "Jobs") || looksAt(rules, "Pods")),
        ),
        ...others.filter(({ spec }) => isOnOurs(spec.matchConstraints?.resourceRules)),
      ].map(nameOf);
      return names.length === 0 ? [] : [good(`can refuse them: ${listed(names)}`)];
    }),
  );
}

/** Fail is the default. */
const isStrict = ({ failurePolicy = "Fail" }: WebhookEntry): boolean => failurePolicy === "Fail";

function downFindings({ own, mutating, validating, deadServices }: NeighbourFacts): readonly Finding[] {
  if (mutating.kind === "unknown" || validating.kind === "unknown") return []; // said above
  const entries = [...foreign(mutating.value, own), ...(validating.value ?? [])].flatMap((each) =>
    (each.webhooks ?? []).map((entry) => ({ entry, name: nameOf(each) })),
  );
  return whenKnown(deadServices, (dead) =>
    entries.flatMap(({ entry, name }) => {
      const { service } = entry.clientConfig;
      const target = (["Jobs", "Pods"] as const).filter((each) => looksAt(entry.rules, each)).join(" and ");
      const key = service && `${service.namespace}/${service.name}`;
      if (target === "" || key === undefined || !dead.includes(key) || !isStrict(entry)) return [];
      const text = `${name} refuses ${looksAtAll(entry) ? "all" : "some"} new ${target}: its Service ${key} has no ready Pod`;
      const hint = `see why: kubectl -n ${service?.namespace ?? ""} get pods. If it was uninstalled, delete its webhook configuration`;
      return [(looksAtAll(entry) ? bad : warning)(text, hint, docsUrl("operations", "when-something-is-wrong"))];
    }),
  );
}
