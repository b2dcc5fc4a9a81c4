import type { KubeConfig } from "@kubernetes/client-node";
import { KubernetesCluster, type Names } from "./kubernetes.ts";
import { describeStatus, type Status } from "./status.ts";

/**
 * Reads the cluster, asks the Pods for their certificates, and describes both.
 * @throws Error if the API server can't be asked.
 */
export async function showStatus(names: Names, kubeConfig: KubeConfig): Promise<Status> {
  const cluster = new KubernetesCluster(kubeConfig, names);
  const observed = await cluster.observe();
  return describeStatus(new Date(), names, observed, await cluster.servers(observed.webhooks));
}
