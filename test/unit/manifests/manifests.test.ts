import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import {
  ENABLED_KEY,
  IGNORE_ANNOTATION,
  INJECTED_KEY,
  MAIN_ANNOTATION,
  MOUNT_PATH,
  SIDECARS_ANNOTATION,
} from "../../../src/injection/names.ts";
import packageJson from "../../../package.json" with { type: "json" };

interface Resource {
  readonly file: string;
  readonly kind: string;
  readonly metadata?: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

const root = join(import.meta.dirname, "../../../manifests");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
const configured = [...texts]
  .filter(([file]) => file.endsWith("kustomization.yaml"))
  .flatMap(([file, text]) => filesOfGenerators(file, text));
const resources = [...texts]
  .filter(([file]) => !configured.includes(file))
  .flatMap(([file, text]) =>
    parseAllDocuments(text, { merge: true }).map(
      (document) => ({ file, ...(document.toJS() as Omit<Resource, "file">) }) as Resource,
    ),
  );
interface Kustomization {
  readonly resources?: readonly string[];
  readonly images?: readonly object[];
  readonly labels?: readonly object[];
}
const ofKind = (kind: string): Resource[] => resources.filter((resource) => resource.kind === kind);

/** Files that a configMapGenerator reads. They're configuration, not resources. */
function filesOfGenerators(file: string, text: string): string[] {
  const { configMapGenerator = [] } = parse(text) as { configMapGenerator?: { files?: string[] }[] };
  return configMapGenerator.flatMap(({ files = [] }) => files.map((name) => join(file, "..", name)));
}

const CLUSTER_SCOPED = [
  ...["Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "MutatingWebhookConfiguration"],
  ...["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Kustomization", "Component"],
];

describe("the manifests", () => {
  test.each(resources.filter((resource) => !CLUSTER_SCOPED.includes(resource.kind)))(
    "say which namespace $kind $metadata.name is in",
    ({ metadata }) => {
      expect(metadata?.namespace).toBeDefined();
    },
  );

  test("exclude Curfew's own namespace from its webhooks, and no other", () => {
    const excluded = ofKind("Namespace").filter(
      ({ metadata }) => metadata?.labels?.["curfew.sh/excluded"] !== undefined,
    );
    expect(excluded.map(({ metadata }) => metadata?.name)).toEqual(["curfew-system"]);
  });

  test("list every file in a kustomization", () => {
    const listed = [...ofKind("Kustomization"), ...ofKind("Component")].flatMap((kustomization) =>
      [...((kustomization["resources"] ?? []) as string[]), ...((kustomization["components"] ?? []) as string[])].map(
        (entry) => join(kustomization.file, "..", entry),
      ),
    );
    const known = [...listed, ...configured];
    const unlisted = files.filter((file) => !/(kustomization|example)\.yaml$/.test(file) && !known.includes(file));
    expect(unlisted).toEqual([]);
  });

  const kustomizations = ofKind("Kustomization") as readonly (Resource & Kustomization)[];

  test.each(kustomizations.filter(({ images }) => images !== undefined))(
    "run exactly this version ($file)",
    ({ images }) => {
      expect(images).toEqual([{ name: "curfew", newTag: packageJson.version }]);
    },
  );

  test.each(kustomizations.filter(({ resources: own = [] }) => own.some((entry) => entry.endsWith(".yaml"))))(
    "give every object the labels that tools look for ($file)",
    ({ labels = [] }) => {
      expect(labels).toEqual([
        {
          includeTemplates: true,
          pairs: {
            "app.kubernetes.io/name": "curfew",
            "app.kubernetes.io/instance": "curfew",
            "app.kubernetes.io/version": packageJson.version,
            "app.kubernetes.io/component": expect.any(String) as string,
            "app.kubernetes.io/part-of": "curfew",
            "app.kubernetes.io/managed-by": "kustomize",
          },
        },
      ]);
    },
  );

  test("have no labels in a component, which would label everything in the kustomization that uses it", () => {
    expect(ofKind("Component").filter(({ labels }) => labels !== undefined)).toEqual([]);
  });

  test("never have caBundle as a field, so applying them again can't wipe it", () => {
    expect([...texts].filter(([, text]) => /^\s*caBundle:/m.test(text))).toEqual([]);
  });

  test.each(ofKind("Deployment"))("keep $metadata.name within the restricted Pod Security level", (deployment) => {
    const { spec } = (deployment["spec"] as { template: { spec: Record<string, unknown> } }).template;
    expect(spec["securityContext"]).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65532,
      seccompProfile: { type: "RuntimeDefault" },
    });
    for (const container of spec["containers"] as Record<string, unknown>[]) {
      expect(container["securityContext"]).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  test("mount only the serving certificate and its key", () => {
    const [admission] = ofKind("Deployment").filter(({ metadata }) => metadata?.name === "curfew-admission");
    const { volumes } = (admission?.["spec"] as { template: { spec: { volumes: object[] } } }).template.spec;
    expect(volumes).toHaveLength(1);
    expect(volumes[0]).toMatchObject({ secret: { items: [{ key: "tls.crt" }, { key: "tls.key" }] } });
  });

  test("give the admission server no API token and no outgoing connections", () => {
    const [admission] = ofKind("Deployment").filter(({ metadata }) => metadata?.name === "curfew-admission");
    expect(admission).toMatchObject({ spec: { template: { spec: { automountServiceAccountToken: false } } } });
    const [policy] = ofKind("NetworkPolicy").filter(({ metadata }) => metadata?.name === "curfew-admission");
    expect(policy).toMatchObject({ spec: { policyTypes: ["Ingress", "Egress"] } });
    expect(policy).not.toHaveProperty("spec.egress");
  });
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly operations: readonly string[];
}
interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string }[];
}
interface Webhook {
  readonly name: string;
  readonly clientConfig: { readonly service: { readonly path: string } };
  readonly rules: readonly Rule[];
  readonly objectSelector?: Selector;
  readonly namespaceSelector: Selector;
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
  readonly failurePolicy: string;
  readonly reinvocationPolicy: string;
}
interface Policy {
  readonly matchConstraints: { readonly resourceRules: readonly Rule[]; readonly namespaceSelector: Selector };
}

describe("the webhooks and policies", () => {
  const configurations = ofKind("MutatingWebhookConfiguration");
  const webhooks = configurations.flatMap((configuration) => configuration["webhooks"] as Webhook[]);
  const policies = ofKind("ValidatingAdmissionPolicy").map(({ spec }) => spec as Policy);
  const namesOf = (chosen: readonly Webhook[]): string[] => chosen.map(({ name }) => name.replace(".curfew.sh", ""));

  test("block only the creation of Jobs and Pods that opt in themselves if Curfew is down", () => {
    const blocking = webhooks.filter(({ failurePolicy }) => failurePolicy !== "Ignore");
    expect(blocking).toMatchObject([
      {
        rules: [{ resources: ["jobs"], operations: ["CREATE"] }],
        objectSelector: { matchLabels: { [ENABLED_KEY]: "true" } },
      },
      {
        rules: [{ resources: ["jobs"], operations: ["CREATE"] }],
        matchConditions: [{ expression: `object.metadata.?annotations[?'${ENABLED_KEY}'].orValue('') == 'true'` }],
      },
      {
        rules: [{ resources: ["pods"], operations: ["CREATE"] }],
        objectSelector: { matchExpressions: [{ key: ENABLED_KEY, operator: "In", values: ["true"] }, {}] },
      },
    ]);
    // The API server's message has nothing but the name to say what's wrong.
    for (const name of namesOf(blocking))
      expect(name).toMatch(/^(jobs|pods)-(labelled|annotated)-enabled-need-curfew-running$/);
  });

  test("never stand in the way of a namespace", () => {
    const ofNamespaces = webhooks.filter(({ clientConfig }) => clientConfig.service.path === "/mutate/namespace");
    expect(namesOf(ofNamespaces)).toEqual(["jobs-in-enabled-namespaces", "cronjobs-in-enabled-namespaces"]);
    for (const { failurePolicy, namespaceSelector } of ofNamespaces) {
      expect(failurePolicy).toBe("Ignore");
      expect(namespaceSelector.matchExpressions).toContainEqual({
        key: ENABLED_KEY,
        operator: "In",
        values: ["true"],
      });
    }
    for (const { matchConstraints } of policies)
      expect(JSON.stringify(matchConstraints.namespaceSelector)).not.toContain(ENABLED_KEY);
  });

  test("exclude the same namespaces everywhere: kube-system and Curfew's own", () => {
    const selectors = [
      ...webhooks.map(({ namespaceSelector }) => namespaceSelector),
      ...policies.map(({ matchConstraints }) => matchConstraints.namespaceSelector),
    ];
    expect(selectors).toHaveLength(13);
    for (const { matchLabels, matchExpressions = [] } of selectors) {
      expect(matchLabels).toBeUndefined();
      expect(matchExpressions.filter(({ key }) => key !== ENABLED_KEY)).toEqual([
        { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "curfew-system"] },
        { key: "curfew.sh/excluded", operator: "DoesNotExist" },
      ]);
    }
  });

  test("select Pods by labels, so that creating any other Pod costs nothing", () => {
    const ofPods = webhooks.filter(
      ({ rules: [rule] }) => rule?.resources.includes("pods") && rule.operations.includes("CREATE"),
    );
    const bindings = ofKind("ValidatingAdmissionPolicyBinding")
      .map(({ spec }) => spec as { policyName: string; matchResources?: { objectSelector?: Selector } })
      .filter(({ policyName }) => policyName === "curfew-pods");
    const selectors = [...ofPods, ...bindings.map(({ matchResources }) => matchResources ?? {})];
    expect(selectors).toHaveLength(6);
    for (const { objectSelector } of selectors) {
      const operators = objectSelector?.matchExpressions?.map(({ operator }) => operator) ?? [];
      expect(operators.some((operator) => operator === "In" || operator === "Exists")).toBe(true);
    }
  });

  test("call Curfew again after webhooks that add containers", () => {
    const created = webhooks.filter(
      ({ rules }) => rules[0]?.operations.includes("CREATE") && !rules[0].resources.includes("cronjobs"),
    );
    const never = created.filter(({ reinvocationPolicy }) => reinvocationPolicy !== "IfNeeded");
    expect(created).toHaveLength(7);
    // It patches nothing.
    expect(namesOf(never)).toEqual(["pods-labelled-enabled-that-run-forever"]);
  });

  test("come after every webhook that adds containers to Pods, where Curfew looks for these", () => {
    const [, late] = configurations;
    expect(namesOf(late?.["webhooks"] as Webhook[])).toEqual([
      "containers-added-to-pods-of-jobs",
      "containers-added-to-pods",
    ]);
    const others = ["datadog-webhook", "kyverno-resource-mutating-webhook-cfg", "vpa-webhook-config"];
    expect([...others, late?.metadata?.name].toSorted().at(-1)).toBe("zz-curfew");
  });

  test("never block an update, since that could keep a Job or a Pod from losing its finalizers", () => {
    const blocking = webhooks.filter(({ failurePolicy }) => failurePolicy !== "Ignore");
    const rules = [
      ...blocking.flatMap((webhook) => webhook.rules),
      ...policies.flatMap(({ matchConstraints }) => matchConstraints.resourceRules),
    ];
    expect(policies).not.toEqual([]);
    expect(new Set(rules.flatMap(({ operations }) => operations))).toEqual(new Set(["CREATE"]));
  });

  test("read annotations and labels only in ways that can't fail if they're missing", () => {
    const expressions = webhooks.flatMap(({ matchConditions = [] }) =>
      matchConditions.map(({ expression }) => expression),
    );
    expect(expressions).not.toEqual([]);
    for (const expression of expressions) {
      expect(expression).not.toMatch(/[^?](annotations|labels)/);
      expect(expression).not.toMatch(/(annotations|labels)(\.|\[[^?])/);
    }
  });

  test("use the label, the annotations and the mount path that the planner uses", () => {
    const parts = MOUNT_PATH.split("/")
      .slice(1)
      .map((part) => `'${part}'`);
    for (const policy of ["base/policy-jobs.yaml", "base/policy-pods.yaml"]) {
      expect(texts.get(policy)).toContain(`labels[?'${ENABLED_KEY}']`);
      expect(texts.get(policy)).toContain(`annotations[?'${INJECTED_KEY}']`);
      expect(texts.get(policy)).toContain(`[?'${MAIN_ANNOTATION}']`);
      expect(texts.get(policy)).toContain(`[?'${SIDECARS_ANNOTATION}']`);
      expect(texts.get(policy)).toContain(`[?'${IGNORE_ANNOTATION}']`);
      expect(texts.get(policy)).toContain(`== [${parts.join(", ")}]`);
    }
    expect(texts.get("base/webhooks.yaml")).toContain(`labels[?'${ENABLED_KEY}']`);
  });
});
