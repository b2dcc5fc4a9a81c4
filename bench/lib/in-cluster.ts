/**
 * Programs against a real API server. This process stays outside; a child runs them in the
 * cluster's network.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { findCluster, inNetworkOf, runScript, untilReady, versions } from "../../test/cluster/harness/cluster.ts";
import type { Cluster, Tier } from "../../test/cluster/harness/cluster.ts";
import { withCluster } from "../../test/cluster/harness/with-cluster.ts";
import type { BenchOptions, Row } from "./result.ts";

const BENCH = path.join(import.meta.dirname, "../bench.ts");

/** Where the child finds the socket of the cluster's containerd. */
export const CONTAINERD_SOCKET = "BENCH_CONTAINERD_SOCKET";

export interface ProgramInCluster {
  readonly tier: Tier;
  /**
   * The file of a runner that takes `NAME --json [--short] [--long]`, and prints JSON with
   * `results` by name.
   */
  readonly runner: string;
  readonly name: string;
  readonly short: boolean;
  readonly long: boolean;
  readonly note: (text: string) => void;
  /** Prepares the cluster while it comes up; returns what's added to the child's environment. */
  readonly prepare?: (cluster: Cluster) => Promise<NodeJS.ProcessEnv>;
}

/** Undefined if a cluster can be started here, otherwise why not. */
export function clusterMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "starting a cluster needs root";
  const built = existsSync(versions().kubernetesBin);
  if (!built && spawnSync("go", ["version"]).error !== undefined) return "building a cluster needs Go";
  return undefined;
}

/** The rows of the bench `name`, run in the network of a cluster. */
export async function benchInCluster(tier: Tier, name: string, options: BenchOptions): Promise<readonly Row[]> {
  const { short, long, note } = options;
  return (await runInCluster({ tier, runner: BENCH, name, short, long, note })) as readonly Row[];
}

/**
 * Runs a program in the network of a cluster: a new one, or, for the node tier, that of cluster:up
 * if it's up.
 *
 * @returns its result, as its runner printed it.
 * @throws if it ends without one.
 */
export async function runInCluster(program: ProgramInCluster): Promise<unknown> {
  const { tier, note, prepare } = program;
  const run = async (cluster: Cluster): Promise<unknown> => {
    const [env] = await Promise.all([prepare?.(cluster), untilReady(cluster, tier)]);
    return runChild(cluster, program, env);
  };
  const running = tier === "node" ? findCluster(path.join(versions().cache, "cluster")) : undefined;
  if (running !== undefined) return run(running);
  note(`starting a cluster (${tier})`);
  runScript("packages.sh");
  runScript("build.sh");
  if (tier === "node") runScript("images.sh", "test");
  return withCluster(tier, run);
}

async function runChild(
  cluster: Cluster,
  { runner, name, short, long }: ProgramInCluster,
  more: NodeJS.ProcessEnv = {},
): Promise<unknown> {
  const length = [...(short ? ["--short"] : []), ...(long ? ["--long"] : [])];
  const { args, env } = inNetworkOf(cluster, [process.execPath, runner, name, "--json", ...length]);
  const [command = "", ...rest] = args;
  const socket = { [CONTAINERD_SOCKET]: path.join(cluster.state, "run/containerd.sock") };
  const child = spawn(command, rest, { env: { ...env, ...socket, ...more }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  // It also ends with 1 if it found something wrong. If it ends without a result, it has said why.
  const results = output === "" ? {} : (JSON.parse(output) as { results: Record<string, unknown> }).results;
  if (results[name] === undefined) throw new Error(`${name} ended without a result in the cluster`);
  return results[name];
}
