/** The parts of Kubernetes' objects that checks look at. */

type Texts = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly generation?: number;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

export interface Named {
  readonly metadata: Metadata;
}

export interface Rule {
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly operations?: readonly string[];
}

/** A label selector. Curfew's own entries use only expressions. */
export interface Selector {
  readonly matchLabels?: Texts;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** An entry of a webhook configuration, mutating or validating. */
export interface WebhookEntry {
  readonly name: string;
  readonly clientConfig: {
    readonly url?: string;
    readonly service?: { readonly name: string; readonly namespace: string };
    readonly caBundle?: string;
  };
  readonly rules?: readonly Rule[];
  readonly failurePolicy?: string;
  readonly reinvocationPolicy?: string;
  readonly namespaceSelector?: Selector;
  readonly objectSelector?: object;
  readonly matchConditions?: readonly object[];
}

export interface WebhookConfiguration extends Named {
  readonly webhooks?: readonly WebhookEntry[];
}

/** A ValidatingAdmissionPolicy, or a MutatingAdmissionPolicy. */
export interface Policy extends Named {
  readonly spec: {
    readonly failurePolicy?: string;
    readonly matchConstraints?: { readonly resourceRules?: readonly Rule[] };
  };
}

export interface PolicyBinding extends Named {
  readonly spec: { readonly policyName?: string; readonly validationActions?: readonly string[] };
}

export interface Deployment extends Named {
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly spec: PodSpec };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
  };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly secret?: { readonly secretName?: string } }[];
}

export interface Pod extends Named {
  readonly spec: PodSpec;
  readonly status?: {
    readonly startTime?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface Node extends Named {
  readonly status?: { readonly nodeInfo?: { readonly kubeletVersion?: string } };
}

export interface EndpointSlice extends Named {
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[];
}

export interface Event {
  readonly involvedObject: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
  readonly message?: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string; readonly count?: number };
}
