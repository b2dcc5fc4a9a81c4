/** Which namespaces Curfew looks at, and which are opted in. */
import { ENABLED_KEY } from "../../injection/names.ts";
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { good, warning, type Finding, type Group } from "./finding.ts";
import { listed, selects } from "./matching.ts";
import type { Named, WebhookConfiguration } from "./objects.ts";
import { ALWAYS_EXCLUDED, EXCLUDED_LABEL } from "./own-names.ts";

export interface NamespaceFacts {
  readonly namespace: string;
  readonly namespaces: Answer<readonly Named[] | undefined>;
  /** The names of Curfew's own configurations. */
  readonly own: readonly string[];
  readonly mutating: Answer<readonly WebhookConfiguration[] | undefined>;
}

export const NAMESPACES_GROUP: Group<NamespaceFacts> = {
  title: "Namespaces",
  checks: [
    {
      id: "opted-in",
      run: (facts) => whenKnown(facts.namespaces, (all) => optedInFindings(all ?? [], optInOf(facts))),
    },
    {
      id: "excluded",
      run: ({ namespaces, namespace }) => known(namespaces, (all) => excludedFindings(all, namespace)),
    },
    {
      id: "opt-in-without-effect",
      run: (facts) => known(facts.namespaces, (all) => ineffectiveFindings(all, optInOf(facts))),
    },
  ],
};

/** The first check of the group says it if the namespaces aren't known. */
function known(answer: NamespaceFacts["namespaces"], run: (all: readonly Named[]) => Finding[]): Finding[] {
  return answer.kind === "known" ? run(answer.value ?? []) : [];
}

/** Webhooks and policies look at nothing in it, whatever the label's value. */
export function isExcluded({ metadata: { name, labels = {} } }: Named): boolean {
  return ALWAYS_EXCLUDED.includes(name) || EXCLUDED_LABEL in labels;
}

/** Every Job in it is opted in. */
export function isOptedIn(namespace: Named): boolean {
  return namespace.metadata.labels?.[ENABLED_KEY] === "true" && !isExcluded(namespace);
}

/** The entry whose namespaces are opted in. The chart's values can choose others than those with the label. */
export const IN_NAMESPACES = "jobs-in-enabled-namespaces.curfew.sh";

/** Which namespaces are opted in: as the webhooks say, and as the manifests do where there are none. */
export function optInOf({ own, mutating }: Pick<NamespaceFacts, "own" | "mutating">): (namespace: Named) => boolean {
  const all = mutating.kind === "known" ? (mutating.value ?? []) : [];
  const entries = all.filter(({ metadata }) => own.includes(metadata.name)).flatMap(({ webhooks = [] }) => webhooks);
  const entry = entries.find(({ name }) => name === IN_NAMESPACES);
  return entry === undefined ? isOptedIn : (namespace) => selects(entry.namespaceSelector, namespace);
}

function optedInFindings(all: readonly Named[], optsIn: (namespace: Named) => boolean): Finding[] {
  const names = all.filter(optsIn).map(({ metadata }) => metadata.name);
  if (names.length === 0) return [good("none is opted in: Curfew handles only Jobs and Pods that opt in themselves")];
  return [good(`${names.length} opted in with all their Jobs: ${names.join(", ")}`)];
}

function excludedFindings(all: readonly Named[], own: string): Finding[] {
  const names = all.filter(isExcluded).map(({ metadata }) => metadata.name);
  const others = names.filter((name) => name !== own && !ALWAYS_EXCLUDED.includes(name));
  return others.length === 0 ? [] : [good(`excluded by ${EXCLUDED_LABEL}: ${listed(others)}`)];
}

function ineffectiveFindings(all: readonly Named[], optsIn: (namespace: Named) => boolean): Finding[] {
  return all.flatMap((namespace) => {
    const { name, labels = {} } = namespace.metadata;
    const value = labels[ENABLED_KEY];
    if (value === undefined || value === "false" || optsIn(namespace)) return [];
    const docs = docsUrl("operations", "namespaces");
    if (isOptedIn(namespace)) {
      const text = `${name} isn't opted in, although it has ${ENABLED_KEY}: the webhooks' namespaceSelector leaves it out`;
      return [warning(text, "see namespaces.excluded and namespaces.optedIn in the chart's values", docs)];
    }
    if (!isExcluded(namespace))
      return [warning(`${name} isn't opted in: its ${ENABLED_KEY} is "${value}", not "true"`, relabel(name), docs)];
    const [why, hint] =
      EXCLUDED_LABEL in labels
        ? [`${EXCLUDED_LABEL} wins`, "remove one of the two labels"]
        : ["it's always excluded", `remove the label: kubectl label namespace ${name} ${ENABLED_KEY}-`];
    return [warning(`${name} isn't opted in, although it has ${ENABLED_KEY}: ${why}`, hint, docs)];
  });
}

function relabel(name: string): string {
  return `kubectl label --overwrite namespace ${name} ${ENABLED_KEY}=true, or ${ENABLED_KEY}- to remove it`;
}
