import { startCluster, stopCluster, temporaryState, untilReady, type Cluster, type Tier } from "./cluster.ts";

/**
 * Calls `use` with a cluster of its own, which is removed afterwards. The node tier may still be
 * starting: `use` can do other things first, and then wait with untilReady().
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
