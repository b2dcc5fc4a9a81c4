/** Benches against a real API server: this process stays outside, a child runs the bench in the cluster's network. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { findCluster, inNetworkOf, runScript, untilReady, versions } from "../../test/cluster/harness/cluster.ts";
import type { Cluster, Tier } from "../../test/cluster/harness/cluster.ts";
import { importImage } from "../../test/cluster/harness/image.ts";
import { withCluster } from "../../test/cluster/harness/with-cluster.ts";
import type { BenchOptions, Row } from "./result.ts";
import type { Table } from "./table.ts";

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
  return (await inCluster(tier, name, options)) as readonly Row[];
}

/** The table of the bench `name`, run like {@link benchInCluster}, where CURFEW_IMAGE names the checkout's own image. */
export async function tableInCluster(name: string, options: BenchOptions): Promise<Table> {
  return (await inCluster("node", name, options, async (cluster) => {
    const image = `curfew:bench-${Date.now()}`;
    await importImage(cluster, image);
    return { CURFEW_IMAGE: image };
  })) as Table;
}

/** What a cluster gets while it comes up; returns what the bench finds in its environment. */
type Prepare = (cluster: Cluster) => Promise<NodeJS.ProcessEnv>;

async function inCluster(
  tier: Tier,
  name: string,
  options: BenchOptions,
  prepare: Prepare = () => Promise.resolve({}),
): Promise<unknown> {
  const run = async (cluster: Cluster): Promise<unknown> => {
    const [env] = await Promise.all([prepare(cluster), untilReady(cluster, tier)]);
    return benchIn(cluster, name, options, env);
  };
  const running = tier === "node" ? findCluster(path.join(versions().cache, "cluster")) : undefined;
  if (running !== undefined) return run(running);
  options.note(`starting a cluster (${tier})`);
  runScript("packages.sh");
  runScript("build.sh");
  if (tier === "node") runScript("images.sh", "test");
  return withCluster(tier, run);
}

async function benchIn(
  cluster: Cluster,
  name: string,
  { short, long }: BenchOptions,
  more: NodeJS.ProcessEnv,
): Promise<unknown> {
  const length = [...(short ? ["--short"] : []), ...(long ? ["--long"] : [])];
  const { args, env } = inNetworkOf(cluster, [process.execPath, ENTRY, name, "--json", ...length]);
  const [command = "", ...rest] = args;
  const socket = { [CONTAINERD_SOCKET]: path.join(cluster.state, "run/containerd.sock") };
  const child = spawn(command, rest, { env: { ...env, ...socket, ...more }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  // It ends with 1 where a row was missed, too; without a result it has said why.
  const results = output === "" ? {} : (JSON.parse(output) as { results: Record<string, unknown> }).results;
  if (results[name] === undefined) throw new Error(`${name} ended without a result in the cluster`);
  return results[name];
}
