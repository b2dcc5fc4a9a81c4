/** What Curfew's objects are called (manifests/base), and how to find them. */

/** Which installation to look at. The defaults are those of manifests/default. */
export interface OwnNames {
  /** Where Curfew runs. */
  readonly namespace: string;
  /** The MutatingWebhookConfigurations, in the order of their names. */
  readonly configurations: readonly string[];
}

/** The ValidatingAdmissionPolicyBindings, and the policy that each binds. */
export const BINDINGS: readonly { readonly binding: string; readonly policy: string }[] = [
  { binding: "curfew-jobs", policy: "curfew-jobs" },
  { binding: "curfew-pods", policy: "curfew-pods" },
  { binding: "curfew-pods-enabled", policy: "curfew-pods" },
];

export const POLICY_NAMES: readonly string[] = [...new Set(BINDINGS.map(({ policy }) => policy))];

export const COMPONENT_LABEL = "app.kubernetes.io/component";
export const VERSION_LABEL = "app.kubernetes.io/version";
/** Selects Curfew's Deployments and their Pods. */
export const OWN_SELECTOR = "app.kubernetes.io/name=curfew";

export const EXCLUDED_LABEL = "curfew.sh/excluded";
/** Excluded by name, in every webhook and policy. */
export const ALWAYS_EXCLUDED: readonly string[] = ["kube-system"];
/** Where nobody runs Jobs. */
export const SYSTEM_NAMESPACES: readonly string[] = ["kube-system", "kube-public", "kube-node-lease"];
