/**
 * What other people's webhooks add to Pods, and Dapr's own injector.
 *
 * The simulated ones add what the real ones' templates add, as far as a Job's end depends on it, in
 * the same order, under names that sort like theirs. They only run where the API server reaches this
 * process.
 */
import path from "node:path";
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { create, type KubernetesObject } from "./api.ts";
import { kubectl, kubectlOutput } from "./kubectl.ts";
import { until } from "./until.ts";
import { addWebhook, type Mutation } from "./webhooks.ts";

interface Container {
  readonly name: string;
  volumeMounts?: object[];
  [field: string]: unknown;
}
interface Pod {
  metadata: { labels?: Readonly<Record<string, string>>; annotations?: Record<string, string> };
  spec: { containers: Container[]; initContainers?: Container[]; volumes?: object[]; [field: string]: unknown };
}

/** An injector, and how a Pod asks for it. */
export interface Injector {
  /** Of its webhook configuration. */
  readonly name: string;
  readonly reinvocationPolicy: "Never" | "IfNeeded";
  readonly asks: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  /** The container that it adds, which runs until it's told to stop. */
  readonly container: string;
  /** The init container that it adds, if any. */
  readonly initContainer?: string;
  /** Adds them. */
  readonly inject: (pod: Pod) => void;
}

/** The injectors that this module simulates. */
export const INJECTORS = {
  // istio/istio, manifests/charts/istio-control/istio-discovery/files/injection-template.yaml, and
  // reorderPod in pkg/kube/inject/webhook.go: with holdApplicationUntilProxyStarts the proxy is
  // first, and kubelet starts main once its postStart hook is through; istio-init is last.
  istio: {
    name: "istio-sidecar-injector",
    reinvocationPolicy: "Never",
    asks: { labels: { "sidecar.istio.io/inject": "true" } },
    container: "istio-proxy",
    initContainer: "istio-init",
    inject: ({ spec }) => {
      if (has(spec.containers, "istio-proxy") || has(spec.initContainers, "istio-proxy")) return;
      const probe = { httpGet: { path: "/healthz/ready", port: 15021 }, periodSeconds: 1, timeoutSeconds: 3 };
      const image = { image: "istio/proxyv2:1.23.2", imagePullPolicy: "IfNotPresent" };
      spec.containers.unshift({
        name: "istio-proxy",
        ...image,
        args: ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning"],
        env: [{ name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }],
        lifecycle: { postStart: { exec: { command: ["pilot-agent", "wait"] } } },
        startupProbe: { ...probe, failureThreshold: 600 },
        readinessProbe: { ...probe, periodSeconds: 15, failureThreshold: 4 },
        securityContext: { runAsUser: 1337, runAsGroup: 1337, readOnlyRootFilesystem: true },
        volumeMounts: [{ name: "istio-envoy", mountPath: "/etc/istio/proxy" }],
      });
      (spec.initContainers ??= []).push({ name: "istio-init", ...image, args: ["istio-iptables", "-p", "15001"] });
      (spec.volumes ??= []).push({ name: "istio-envoy", emptyDir: { medium: "Memory" } });
    },
  },
  // linkerd/linkerd2, charts/patch/templates/patch.json and charts/partials/templates/_proxy.tpl:
  // with proxy-await, which is the default, the proxy is first, and kubelet starts main once its
  // postStart hook is through.
  linkerd: {
    name: "linkerd-proxy-injector-webhook-config",
    reinvocationPolicy: "Never",
    asks: { annotations: { "linkerd.io/inject": "enabled" } },
    container: "linkerd-proxy",
    initContainer: "linkerd-init",
    inject: ({ spec }) => {
      if (has(spec.containers, "linkerd-proxy") || has(spec.initContainers, "linkerd-proxy")) return;
      spec.containers.unshift({
        name: "linkerd-proxy",
        image: "cr.l5d.io/linkerd/proxy:edge-25.4.4",
        imagePullPolicy: "IfNotPresent",
        lifecycle: {
          postStart: { exec: { command: ["/usr/lib/linkerd/linkerd-await", "--timeout=2m", "--port=4191"] } },
        },
        livenessProbe: { httpGet: { path: "/live", port: 4191 }, initialDelaySeconds: 10, timeoutSeconds: 1 },
        readinessProbe: { httpGet: { path: "/ready", port: 4191 }, initialDelaySeconds: 2, timeoutSeconds: 1 },
        securityContext: { runAsUser: 2102, readOnlyRootFilesystem: true },
        terminationMessagePolicy: "FallbackToLogsOnError",
        volumeMounts: [{ name: "linkerd-identity-end-entity", mountPath: "/var/run/linkerd/identity/end-entity" }],
      });
      (spec.initContainers ??= []).push({
        name: "linkerd-init",
        image: "cr.l5d.io/linkerd/proxy-init:v2.4.2",
        imagePullPolicy: "IfNotPresent",
        args: ["--incoming-proxy-port", "4143", "--outgoing-proxy-port", "4140", "--proxy-uid", "2102"],
      });
      (spec.volumes ??= []).push({ name: "linkerd-identity-end-entity", emptyDir: { medium: "Memory" } });
    },
  },
  // hashicorp/vault-k8s, agent-inject/agent/{agent,container_init_sidecar,container_sidecar}.go: the
  // init container writes the secrets and ends, the sidecar renews them. It knows by an annotation
  // that it has been here.
  vault: {
    name: "vault-agent-injector-cfg",
    reinvocationPolicy: "Never",
    asks: { annotations: { "vault.hashicorp.com/agent-inject": "true" } },
    container: "vault-agent",
    initContainer: "vault-agent-init",
    inject: ({ metadata, spec }) => {
      const status = "vault.hashicorp.com/agent-inject-status";
      if (metadata.annotations?.[status] === "injected") return;
      const secrets = { name: "vault-secrets", mountPath: "/vault/secrets" };
      for (const container of spec.containers) (container.volumeMounts ??= []).push(secrets);
      const agent = (name: string, home: string, config: object): Container => ({
        name,
        image: "hashicorp/vault:1.20.4",
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/sh", "-ec"],
        args: [
          "echo ${VAULT_CONFIG?} | base64 -d > /home/vault/config.json && vault agent -config=/home/vault/config.json",
        ],
        env: [{ name: "VAULT_CONFIG", value: Buffer.from(JSON.stringify(config)).toString("base64") }],
        securityContext: { runAsUser: 100, runAsGroup: 1000, runAsNonRoot: true, readOnlyRootFilesystem: true },
        volumeMounts: [{ name: home, mountPath: "/home/vault" }, secrets],
      });
      (spec.initContainers ??= []).push(agent("vault-agent-init", "home-init", { exit_after_auth: true }));
      spec.containers.push(agent("vault-agent", "home-sidecar", { exit_after_auth: false }));
      const memory = { emptyDir: { medium: "Memory" } };
      for (const name of ["home-init", "home-sidecar", "vault-secrets"])
        (spec.volumes ??= []).push({ name, ...memory });
      (metadata.annotations ??= {})[status] = "injected";
    },
  },
  // DataDog/datadog-agent, pkg/clusteragent/admission/mutate/agent_sidecar/{agent_sidecar,providers}.go:
  // it looks for its container only among the containers, and asks to be called again.
  datadog: {
    name: "datadog-webhook",
    reinvocationPolicy: "IfNeeded",
    asks: { labels: { "agent.datadoghq.com/sidecar": "fargate" } },
    container: "datadog-agent-injected",
    inject: ({ spec }) => {
      const sockets = { name: "ddsockets", mountPath: "/var/run/datadog" };
      if (!has(spec.containers, "datadog-agent-injected"))
        spec.containers.push({
          name: "datadog-agent-injected",
          image: "gcr.io/datadoghq/agent:7.60.0",
          imagePullPolicy: "IfNotPresent",
          env: [{ name: "DD_EKS_FARGATE", value: "true" }],
        });
      if (!has(spec.volumes, "ddsockets")) (spec.volumes ??= []).push({ name: "ddsockets", emptyDir: {} });
      for (const container of spec.containers)
        if (!has(container.volumeMounts, "ddsockets")) (container.volumeMounts ??= []).push(sockets);
      spec["shareProcessNamespace"] = true;
    },
  },
} as const satisfies Readonly<Record<string, Injector>>;

function has(list: readonly object[] | undefined, name: string): boolean {
  return list?.some((one) => (one as { readonly name?: string }).name === name) ?? false;
}

/** Registers the injectors for the Pods of `namespace`; resolves to a function that removes them. */
export async function addInjectors(namespace: string, injectors: readonly Injector[]): Promise<() => Promise<void>> {
  const added = await Promise.all(
    injectors.map((injector) => {
      const { name, reinvocationPolicy } = injector;
      return addWebhook(`${name}-${namespace}`, "pods", mutationOf(injector), { reinvocationPolicy, namespace });
    }),
  );
  return async () => {
    await Promise.all(added.map((remove) => remove()));
  };
}

function mutationOf({ asks, inject }: Injector): Mutation {
  const asked = (wanted: Readonly<Record<string, string>> = {}, actual: Readonly<Record<string, string>> = {}) =>
    Object.entries(wanted).every(([key, value]) => actual[key] === value);
  return (object) => {
    const pod = structuredClone(object) as Pod;
    if (!asked(asks.labels, pod.metadata.labels) || !asked(asks.annotations, pod.metadata.annotations)) return [];
    inject(pod);
    return [
      { op: "replace", path: "/spec", value: pod.spec },
      { op: "add", path: "/metadata/annotations", value: pod.metadata.annotations ?? {} },
    ];
  };
}

/** How a Pod asks Dapr's injector for its sidecar. */
export const DAPR = { annotations: { "dapr.io/enabled": "true", "dapr.io/app-id": "shop" } } as const;

const dapr = parseAllDocuments(readFileSync(path.join(import.meta.dirname, "dapr-injector.yaml"), "utf8")).map(
  (document) => document.toJS() as KubernetesObject,
);

/**
 * Installs Dapr's own injector for the Pods of `namespaces`, and waits until it injects. Resolves to
 * a function that removes it. The harness builds its image.
 */
export async function installDapr(namespaces: readonly string[]): Promise<() => Promise<void>> {
  const selector = { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: namespaces }] };
  for (const object of dapr)
    if (object.kind === "MutatingWebhookConfiguration")
      for (const webhook of object["webhooks"] as object[]) Object.assign(webhook, { namespaceSelector: selector });
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: dapr });
  await kubectlOutput(["apply", "-f", "-"], list);
  await kubectlOutput(["-n", "dapr-system", "rollout", "status", "deployment", "--timeout=180s"]);
  const main = { name: "main", image: "busybox:1" };
  const probe = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "probe", ...DAPR },
    spec: { restartPolicy: "Never", containers: [main] },
  };
  await until("Dapr's injector injects", async () => {
    const { body } = await create(namespaces[0] ?? "", probe, "?dryRun=All");
    return has((body as unknown as Pod).spec.containers, "daprd");
  });
  return async () => {
    await kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], list);
  };
}
