/** The real Kueue, from its own manifests, for one namespace. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { versions } from "../harness/cluster.ts";
import type { KubernetesObject } from "./api.ts";
import { kubectl, kubectlOutput } from "./kubectl.ts";
import { until } from "./until.ts";

const SYSTEM = "kueue-system";
const manifests = path.join(versions().kueueBin, "kueue.yaml");

/** False in a cluster that isn't the harness's, unless Kueue's manifests have been built here. */
export const hasKueue = existsSync(manifests);

interface Webhook {
  readonly name: string;
  namespaceSelector?: object;
}
interface Deployment {
  spec: { template: { spec: { containers: { image: string; imagePullPolicy: string }[] } } };
}

/**
 * Installs Kueue for the Jobs of `namespace`, and waits until it's ready. Its webhooks see no other
 * namespace, because other tests create Jobs while it starts and after it's gone.
 */
export async function installKueue(namespace: string): Promise<void> {
  const image = `registry.k8s.io/kueue/kueue:v${path.basename(versions().kueueBin).replace("kueue-", "")}`;
  const objects = parseAllDocuments(readFileSync(manifests, "utf8"))
    .map((document) => document.toJS() as KubernetesObject)
    .filter(({ kind }) => kind !== "APIService") // of Kueue's own kubectl plugin
    .map((object) => adapted(object, namespace, image));
  await kubectlOutput(["apply", "--server-side", "-f", "-"], asList(objects));
  await hurryCertificate();
  await kubectlOutput(["-n", SYSTEM, "rollout", "status", "deployment/kueue-controller-manager", "--timeout=180s"]);
}

/** Removes it. Its own objects must be gone, because only Kueue can remove their finalizers. */
export async function removeKueue(): Promise<void> {
  await kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", manifests]);
}

function adapted(object: KubernetesObject, namespace: string, image: string): KubernetesObject {
  switch (object.kind) {
    case "MutatingWebhookConfiguration":
    case "ValidatingWebhookConfiguration":
      for (const webhook of object["webhooks"] as Webhook[]) {
        const own = /^[mv](clusterqueue|resourceflavor|workload|cohort)\./.test(webhook.name);
        if (!own) webhook.namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
      }
      return object;
    case "ConfigMap":
      return { ...object, data: { "controller_manager_config.yaml": CONFIG } };
    case "Deployment":
      for (const container of (object as unknown as Deployment).spec.template.spec.containers)
        Object.assign(container, { image, imagePullPolicy: "IfNotPresent", resources: {} });
      return object;
    case undefined:
    default:
      return object;
  }
}

/** Kueue's own, but for Jobs only, and without an election, which would take a quarter of a minute. */
const CONFIG = `apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
health: { healthProbeBindAddress: ":8081" }
metrics: { bindAddress: ":8443" }
webhook: { port: 9443 }
leaderElection: { leaderElect: false }
integrations: { frameworks: [batch/job] }
`;

/**
 * Kueue writes its certificate into a Secret, and waits for it in its volume. Kubelet looks there
 * once a minute, or when the Pod changes.
 */
async function hurryCertificate(): Promise<void> {
  const has = "--for=jsonpath={.data.tls\\.crt}";
  await kubectlOutput(["-n", SYSTEM, "wait", has, "secret/kueue-webhook-server-cert", "--timeout=180s"]);
  await kubectlOutput(["-n", SYSTEM, "annotate", "pod", "--all", "curfew.test/certificate=written"]);
}

/** Creates or changes Kueue's own objects, as soon as its webhooks answer. */
export async function applyToKueue(yaml: string): Promise<void> {
  await until("Kueue takes its objects", async () => (await kubectl(["apply", "-f", "-"], yaml)).status === 0);
}

function asList(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
