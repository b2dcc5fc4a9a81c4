/** charts/curfew makes what manifests/ has, and says which value is wrong. */
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../support/api.ts";
import { CHART, chartObjects, helm, HELMS } from "../support/helm.ts";
import { conform, writeSchemas } from "../support/kubeconform.ts";
import { kubectlOutput } from "../support/kubectl.ts";

const manifests = path.join(import.meta.dirname, "../../../manifests");
const MONITORING = {
  podMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  dashboard: { enabled: true },
};
const DIGEST = `sha256:${"0".repeat(64)}`;

/** Nearly every value, none of them the default. */
const EVERYTHING = {
  image: {
    repository: "registry.example/curfew",
    digest: DIGEST,
    pullPolicy: "Always",
    pullSecrets: [{ name: "registry" }],
  },
  commonLabels: { team: "platform" },
  commonAnnotations: { owner: "platform" },
  priorityClass: { create: true },
  podSecurityContext: { runAsUser: null, runAsGroup: null, fsGroup: null },
  admission: {
    replicas: 3,
    strategy: "trap",
    nativeSidecars: false,
    volumeMedium: "disk",
    knownImages: [{ image: "corp/logs", role: "sidecar" }],
    logLevel: "debug",
    env: [{ name: "NODE_OPTIONS", value: "--max-semi-space-size=4" }],
    port: 10250,
    opsPort: 18080,
    hostNetwork: true,
    resources: { requests: { cpu: 1 }, limits: { memory: "1Gi" } },
    nodeSelector: { "kubernetes.io/os": "linux" },
    affinity: { podAntiAffinity: {} },
    tolerations: [{ operator: "Exists" }],
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule" },
    ],
    podLabels: { "sidecar.istio.io/inject": "false" },
    podAnnotations: { "prometheus.io/scrape": "true" },
  },
  webhooks: { failurePolicy: "Ignore" },
  namespaces: {
    excluded: ["legacy"],
    optedIn: [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["ci"] }],
  },
  certificates: { logLevel: "debug", replicas: 2, tolerations: [{ operator: "Exists" }] },
  monitoring: { ...MONITORING, podMonitor: { enabled: true, labels: { release: "prometheus" }, interval: "30s" } },
  dispatch: {
    enabled: true,
    config: {
      organization: "acme",
      queues: [
        { name: "small", namespace: "builds" },
        { name: "large", namespace: "large-builds", templateFile: "/etc/curfew/config/large.yaml" },
      ],
    },
    templates: { "large.yaml": { apiVersion: "batch/v1", kind: "Job" } },
    secretName: "tokens",
    ingress: { enabled: true, host: "ci.example.org", tlsSecretName: "ci-tls", className: "nginx" },
  },
};

async function kustomized(folder: string): Promise<KubernetesObject[]> {
  const text = await kubectlOutput(["kustomize", path.join(manifests, folder)]);
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

const folders = ["default", "cert-manager", "dispatch", "monitoring"];
let installed: ReadonlyMap<string, readonly KubernetesObject[]>;
beforeAll(async () => {
  installed = new Map(await Promise.all(folders.map(async (folder) => [folder, await kustomized(folder)] as const)));
});
const ofFolders = (...names: readonly string[]): readonly KubernetesObject[] =>
  names.flatMap((name) => installed.get(name) ?? []);

/**
 * Objects by kind, namespace and name, without what has to differ: who manages them, the Namespace,
 * which Helm makes, and how Pods are replaced when the dispatcher's ConfigMap changes. kustomize
 * gives it another name then. Helm would delete the old one while old Pods use it, so the chart
 * changes an annotation of the Pods.
 */
function comparable(objects: readonly KubernetesObject[]): Record<string, unknown> {
  const ours = objects.filter(({ kind, metadata }) => kind !== "Namespace" || metadata.name !== "curfew-system");
  return Object.fromEntries(
    ours.map((object) => {
      const json = JSON.stringify(object, (key, value: unknown) =>
        /^(app\.kubernetes\.io\/managed-by|helm\.sh\/(chart|resource-policy)|checksum\/config)$/.test(key)
          ? undefined
          : value,
      );
      const same = JSON.parse(
        json.replaceAll(/"curfew-dispatch-[0-9a-z]{10}"/g, '"curfew-dispatch"'),
      ) as KubernetesObject;
      if (JSON.stringify(same.metadata["annotations"]) === "{}") delete same.metadata["annotations"];
      return [`${same.kind ?? ""} ${same.metadata.namespace ?? ""} ${same.metadata.name}`, same];
    }),
  );
}

describe.each(HELMS)("the chart, with Helm %i", (version) => {
  it("has nothing to complain about", async () => {
    const { status, stdout, stderr } = await helm(version, ["lint", "--strict", CHART]);
    expect(`${stdout}${stderr}`).not.toMatch(/WARN|ERROR/);
    expect(status).toBe(0);
  });

  it.each([
    ["default", {}, ["default"]],
    ["cert-manager", { certificates: { mode: "cert-manager" } }, ["cert-manager"]],
    ["dispatch", { dispatch: { enabled: true } }, ["default", "dispatch"]],
    ["monitoring", { monitoring: MONITORING }, ["default", "monitoring"]],
  ])("makes what manifests/ has, object by object: %s", async (_, values, names) => {
    expect(comparable(await chartObjects(version, values))).toEqual(comparable(ofFolders(...names)));
  });

  it.each([
    ["/admission/replicas", { admission: { replicas: "two" } }],
    ["admision", { admision: { replicas: 3 } }],
    ["networkPolicy", { networkPolicy: null }],
    ["/admission/logLevel", { admission: { logLevel: "verbose" } }],
    ["/admission/podLabels/a", { admission: { podLabels: { a: true } } }],
    ["/certificates/mode", { certificates: { mode: "selfsigned" } }],
    ["/certificates/issuerRef", { certificates: { mode: "cert-manager", issuerRef: { kind: "ClusterIssuer" } } }],
    ["/image/digest", { image: { digest: "0.1.0" } }],
    ["/namespaces/excluded/0", { namespaces: { excluded: ["Legacy_Apps"] } }],
    ["/webhooks/failurePolicy", { webhooks: { failurePolicy: "fail" } }],
    ["/dispatch/ingress/host", { dispatch: { enabled: true, ingress: { enabled: true } } }],
    [
      "dispatch.config.queues[0].namespace",
      { dispatch: { enabled: true, config: { queues: [{ name: "a", namespace: "curfew-system" }] } } },
    ],
  ])("names a wrong value: %s", async (name, values) => {
    const { status, stderr } = await helm(
      version,
      ["template", "curfew", CHART, "--namespace", "curfew-system"],
      values,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain(name);
  });

  it("accepts what Helm itself, and a chart that depends on this one, add to the values", async () => {
    expect(await chartObjects(version, { global: { a: 1 }, enabled: true })).toHaveLength(
      ofFolders("default").length - 1,
    );
  });
});

describe("each value", () => {
  let objects: readonly KubernetesObject[];
  let text: string;
  beforeAll(async () => {
    objects = await chartObjects(4, EVERYTHING);
    text = JSON.stringify(objects);
  });
  const find = (kind: string, name: string): KubernetesObject => {
    const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    return found;
  };

  it("has the same effect with Helm 3", async () => {
    expect(await chartObjects(3, EVERYTHING)).toEqual(objects);
  });

  it("of a Pod reaches the Pods", () => {
    expect(find("Deployment", "curfew-admission")).toMatchObject({
      metadata: { labels: { team: "platform" }, annotations: { owner: "platform" } },
      spec: {
        replicas: 3,
        strategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
        template: {
          metadata: { labels: EVERYTHING.admission.podLabels, annotations: EVERYTHING.admission.podAnnotations },
          spec: {
            hostNetwork: true,
            imagePullSecrets: [{ name: "registry" }],
            priorityClassName: "curfew",
            securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
            nodeSelector: EVERYTHING.admission.nodeSelector,
            affinity: EVERYTHING.admission.affinity,
            tolerations: EVERYTHING.admission.tolerations,
            topologySpreadConstraints: [
              {
                whenUnsatisfiable: "DoNotSchedule",
                labelSelector: { matchLabels: { "app.kubernetes.io/component": "admission" } },
              },
            ],
            containers: [
              {
                image: `registry.example/curfew@${DIGEST}`,
                imagePullPolicy: "Always",
                resources: { requests: { cpu: 1, memory: "128Mi" }, limits: { memory: "1Gi" } },
                ports: [{ containerPort: 10250 }, { containerPort: 18080 }],
                env: expect.arrayContaining([
                  { name: "NODE_OPTIONS", value: "--max-semi-space-size=4" },
                  { name: "CURFEW_STRATEGY", value: "trap" },
                  { name: "CURFEW_NATIVE_SIDECARS", value: "false" },
                  { name: "CURFEW_VOLUME_MEDIUM", value: "disk" },
                  { name: "CURFEW_LOG_LEVEL", value: "debug" },
                  { name: "CURFEW_PORT", value: "10250" },
                  { name: "CURFEW_OPS_PORT", value: "18080" },
                ]) as unknown,
              },
            ],
          },
        },
      },
    });
    expect(find("NetworkPolicy", "curfew-certs")).toMatchObject({
      spec: { egress: [{ ports: [{}, {}, { port: 10250 }] }] },
    });
  });

  it("null takes a field away", () => {
    expect(text).not.toContain("runAsUser");
  });

  it("of known images is a file that the admission server reads", () => {
    const { data } = find("ConfigMap", "curfew-known-images") as unknown as { data: Record<string, string> };
    expect(parse(data["known-images.yaml"] ?? "")).toEqual(EVERYTHING.admission.knownImages);
    expect(text).toContain('"mountPath":"/etc/curfew/known-images"');
  });

  it("of the webhooks is in each of their entries, and in the policies", () => {
    const selectors = text.match(/"namespaceSelector":\{"matchExpressions":\[.*?"DoesNotExist"\}\]\}/g) ?? [];
    expect(selectors).toHaveLength(13);
    for (const selector of selectors) expect(selector).toContain('"values":["kube-system","curfew-system","legacy"]');
    expect(selectors.filter((selector) => selector.includes('"values":["ci"]'))).toHaveLength(2);
    for (const name of ["curfew", "zz-curfew"])
      expect(JSON.stringify(find("MutatingWebhookConfiguration", name))).not.toContain('"failurePolicy":"Fail"');
  });

  it("of the dispatcher makes its files, and a Role in each namespace for builds", () => {
    const { data } = find("ConfigMap", "curfew-dispatch") as unknown as { data: Record<string, string> };
    expect(Object.keys(data).toSorted()).toEqual(["dispatch.yaml", "job.yaml", "large.yaml"]);
    expect(parse(data["dispatch.yaml"] ?? "")).toMatchObject({
      ...EVERYTHING.dispatch.config,
      stacks: { agentToken: { file: "/etc/curfew/secrets/agent-token" } },
    });
    const roles = objects.filter(({ kind, metadata }) => kind === "Role" && metadata.name === "curfew-dispatch");
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(["builds", "large-builds"]);
    expect(find("Ingress", "curfew-dispatch")).toMatchObject({
      spec: { ingressClassName: "nginx", tls: [{ secretName: "ci-tls" }], rules: [{ host: "ci.example.org" }] },
    });
  });

  it.each([
    ["commonLabels", { commonLabels: null, commonAnnotations: null }],
    ["podSecurityContext", { podSecurityContext: null, priorityClass: { create: null } }],
    ["admission", { admission: { env: null, resources: null, podLabels: null, podAnnotations: null } }],
    ["certificates", { certificates: { env: null, resources: null, podLabels: null, podAnnotations: null } }],
    ["namespaces", { namespaces: { excluded: null } }],
    ["dispatch", { dispatch: { enabled: true, config: null, env: null, resources: null, podAnnotations: null } }],
  ])("null, as an empty key in a values file, is none: %s", async (_, values) => {
    expect((await chartObjects(4, values)).length).toBeGreaterThan(10);
  });

  it("null for the namespaces that opt in is refused, as it would opt in all of them", async () => {
    const { status, stderr } = await helm(4, ["template", "curfew", CHART], { namespaces: { optedIn: null } });
    expect(status).not.toBe(0);
    expect(stderr).toContain("namespaces.optedIn is null, which would opt in all namespaces");
  });

  it("a name that looks like a number stays a name", async () => {
    const { stdout } = await helm(4, ["template", "curfew", CHART, "--namespace", "a"], {
      priorityClass: { create: true, name: "123" },
      test: { namespace: "123" },
      dispatch: { enabled: true, ingress: { enabled: true, host: "ci.example.org", className: "123" } },
    });
    expect(stdout.match(/: "123"$/gm)?.length).toBeGreaterThanOrEqual(6);
    expect(stdout).not.toMatch(/: 123$/m);
  });

  it("another namespace is everywhere", async () => {
    const { stdout } = await helm(4, ["template", "curfew", CHART, "--namespace", "true"], {
      certificates: { mode: "cert-manager" },
      dispatch: { enabled: true },
    });
    expect(stdout).not.toContain("curfew-system");
    expect(stdout).toContain("curfew-admission.true.svc");
    expect(stdout).toContain("cert-manager.io/inject-ca-from: true/curfew-admission");
    expect(stdout).not.toMatch(/namespace: true$/m); // it's a string
  });
});

it("kubeconform finds nothing in the chart's output and in manifests/, with the API server's own schemas", async () => {
  const issuer = { certificates: { mode: "cert-manager", issuerRef: { kind: "ClusterIssuer", name: "corp" } } };
  const rendered = await Promise.all(
    [{}, EVERYTHING, { ...issuer, monitoring: MONITORING }].map((values) => chartObjects(4, values)),
  );
  const { stdout } = await helm(4, [
    "template",
    "curfew",
    CHART,
    "--show-only",
    "templates/tests/job-that-ends.yaml",
    "--namespace",
    "a",
  ]);
  const objects = [...rendered.flat(), parse(stdout) as KubernetesObject, ...ofFolders(...folders)];
  const schemas = await writeSchemas(objects);
  const { problems, valid } = await conform(schemas, objects);
  expect(problems).toEqual([]);
  expect(valid).toBe(objects.length);

  const kinds = ["Certificate", "Deployment", "PodMonitor", "PrometheusRule"];
  const wrong = kinds.map((wanted) => {
    const object = objects.find(({ kind }) => kind === wanted);
    return { ...object, spec: { ...(object?.["spec"] as object), replica: 2 } } as KubernetesObject;
  });
  const found = (await conform(schemas, wrong)).problems.toSorted();
  expect(found).toEqual(kinds.map((kind) => expect.stringMatching(`^${kind} [^]*replica`) as string));
});
