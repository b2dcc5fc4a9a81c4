import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { ENABLED_LABEL, INJECTED_ANNOTATION, MOUNT_PATH } from "../../../src/injection/names.ts";
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

  test.each(ofKind("Kustomization").filter(({ file }) => !file.startsWith("base")))(
    "run exactly this version ($file)",
    ({ images }) => {
      expect(images).toContainEqual({ name: "curfew", newTag: packageJson.version });
    },
  );

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

describe("the webhooks and policies", () => {
  const [configuration] = ofKind("MutatingWebhookConfiguration");
  const webhooks = configuration?.["webhooks"] as Record<string, unknown>[];

  test("block only the creation of labelled Jobs if Curfew is down", () => {
    const blocking = webhooks.filter((webhook) => webhook["failurePolicy"] !== "Ignore");
    expect(blocking).toHaveLength(1);
    expect(blocking[0]).toMatchObject({
      rules: [{ apiGroups: ["batch"], resources: ["jobs"], operations: ["CREATE"] }],
      objectSelector: { matchLabels: { [ENABLED_LABEL]: "true" } },
    });
  });

  test("exclude the same namespaces everywhere: kube-system and Curfew's own", () => {
    const selectors = [
      ...webhooks.map((webhook) => webhook["namespaceSelector"]),
      ...ofKind("ValidatingAdmissionPolicy").map(
        (policy) =>
          (policy["spec"] as { matchConstraints: Record<string, unknown> }).matchConstraints["namespaceSelector"],
      ),
    ];
    expect(selectors).toHaveLength(5);
    for (const selector of selectors) {
      expect(selector).toEqual({
        matchExpressions: [
          { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system"] },
          { key: "curfew.sh/excluded", operator: "DoesNotExist" },
        ],
      });
    }
  });

  test("never block an update, since that could keep a Job from losing its finalizers", () => {
    const policies = ofKind("ValidatingAdmissionPolicy");
    expect(policies).not.toEqual([]);
    for (const policy of policies) {
      const { resourceRules } = (policy["spec"] as { matchConstraints: { resourceRules: { operations: string[] }[] } })
        .matchConstraints;
      expect(resourceRules.flatMap(({ operations }) => operations)).toEqual(["CREATE"]);
    }
  });

  test("use the label, the annotation and the mount path that the planner uses", () => {
    expect(texts.get("base/policy-jobs.yaml")).toContain(`[?'${INJECTED_ANNOTATION}']`);
    const parts = MOUNT_PATH.split("/")
      .slice(1)
      .map((part) => `'${part}'`);
    for (const policy of ["base/policy-jobs.yaml", "base/policy-pods.yaml"])
      expect(texts.get(policy)).toContain(`== [${parts.join(", ")}]`);
    expect(texts.get("base/webhooks.yaml")).toContain(`labels[?'${ENABLED_LABEL}']`);
  });
});
