import { startCluster, stopCluster, temporaryState, untilReady, type Cluster, type Tier } from "./cluster.ts";

/**
 * Runs something with a cluster that is there for it alone, and is removed after it. The node tier may still be on its way: what
 * needs it waits with untilReady(), and can do something else before.
 */
export async function withCluster<T>(tier: Tier, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = startCluster(await temporaryState(), tier, "with-us");
  try {
    if (tier === "api") await untilReady(cluster, tier);
    return await use(cluster);
  } finally {
    await stopCluster(cluster);
  }
}
