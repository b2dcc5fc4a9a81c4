/** Which webhooks and policies look at new Jobs or new Pods. */
import type { Named, Rule, Selector, WebhookConfiguration, WebhookEntry } from "./objects.ts";

export type Target = "Jobs" | "Pods";

const RESOURCES = {
  Jobs: { group: "batch", resource: "jobs" },
  Pods: { group: "", resource: "pods" },
} as const;

/** Whether one of the rules is about creating them. `*` and `*\/*` stand for everything. */
export function looksAt(rules: readonly Rule[] | undefined, target: Target): boolean {
  const { group, resource } = RESOURCES[target];
  return (rules ?? []).some(
    ({ apiGroups = [], resources = [], operations = [] }) =>
      names(apiGroups, group, "*") && names(resources, resource, "*", "*/*") && names(operations, "CREATE", "*"),
  );
}

function names(list: readonly string[], ...wanted: readonly string[]): boolean {
  return list.some((name) => wanted.includes(name));
}

/** The configurations with an entry that looks at them, by name, as the API server orders them. */
export function configurationsFor(
  configurations: readonly WebhookConfiguration[],
  target: Target,
): readonly WebhookConfiguration[] {
  return configurations
    .filter(({ webhooks = [] }) => webhooks.some(({ rules }) => looksAt(rules, target)))
    .toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
}

/** Whether it looks at all of them, whatever their namespace, labels and fields. */
export function looksAtAll({ namespaceSelector, objectSelector, matchConditions }: WebhookEntry): boolean {
  const isEmpty = (selector: object | undefined): boolean => Object.keys(selector ?? {}).length === 0;
  return isEmpty(namespaceSelector) && isEmpty(objectSelector) && (matchConditions ?? []).length === 0;
}

/** Whether a selector selects a namespace. None selects all. */
export function selects({ matchLabels = {}, matchExpressions = [] }: Selector = {}, { metadata }: Named): boolean {
  // Every namespace has this label, by which the chart's values exclude namespaces.
  const labels = new Map(Object.entries({ ...metadata.labels, "kubernetes.io/metadata.name": metadata.name }));
  const isMet = ({ key, operator, values = [] }: NonNullable<Selector["matchExpressions"]>[number]): boolean => {
    if (operator === "Exists") return labels.has(key);
    if (operator === "DoesNotExist") return !labels.has(key);
    return values.includes(labels.get(key) ?? "") === (operator === "In") && (operator !== "In" || labels.has(key));
  };
  return (
    Object.entries(matchLabels).every(([key, value]) => labels.get(key) === value) && matchExpressions.every(isMet)
  );
}

/** For people: at most five names. */
export function listed(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 4).join(", ")} and ${names.length - 4} more`;
}
