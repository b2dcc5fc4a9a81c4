/** Benches against a real API server: this process stays outside, a child runs the bench in the cluster's network. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { findCluster, inNetworkOf, runScript, untilReady, versions } from "../../test/cluster/harness/cluster.ts";
import type { Cluster, Tier } from "../../test/cluster/harness/cluster.ts";
import { withCluster } from "../../test/cluster/harness/with-cluster.ts";
import type { BenchOptions, Row } from "./result.ts";

const ENTRY = path.join(import.meta.dirname, "../bench.ts");

/** Where the child finds the socket of the cluster's containerd. */
export const CONTAINERD_SOCKET = "BENCH_CONTAINERD_SOCKET";

/** Undefined where a cluster can be started here, else why not. */
export function clusterMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "a cluster of one's own needs root";
  const built = existsSync(versions().kubernetesBin);
  if (!built && spawnSync("go", ["version"]).error !== undefined) return "a cluster of one's own needs Go to be built";
  return undefined;
}

/** The rows of the bench `name`, run in the network of a cluster: a new one, or, for the node tier, that of cluster:up if it is up. */
export async function benchInCluster(tier: Tier, name: string, options: BenchOptions): Promise<readonly Row[]> {
  const running = tier === "node" ? findCluster(path.join(versions().cache, "cluster")) : undefined;
  if (running !== undefined) return benchIn(running, name, options);
  options.note(`starting a cluster (${tier})`);
  runScript("packages.sh");
  runScript("build.sh");
  if (tier === "node") runScript("images.sh", "test");
  return withCluster(tier, async (cluster) => {
    await untilReady(cluster, tier);
    return benchIn(cluster, name, options);
  });
}

async function benchIn(cluster: Cluster, name: string, { short }: BenchOptions): Promise<readonly Row[]> {
  const bench = [process.execPath, ENTRY, name, "--json", ...(short ? ["--short"] : [])];
  const { args, env } = inNetworkOf(cluster, bench);
  const [command = "", ...rest] = args;
  const more = { [CONTAINERD_SOCKET]: path.join(cluster.state, "run/containerd.sock") };
  const child = spawn(command, rest, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  // It ends with 1 where a row was missed, too; without rows it has said why.
  if (output === "") throw new Error(`${name} ended without rows in the cluster`);
  const { results } = JSON.parse(output) as { results: Record<string, readonly Row[]> };
  return results[name] ?? [];
}
