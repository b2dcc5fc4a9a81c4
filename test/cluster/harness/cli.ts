/**
 * The cluster for people: npm run cluster:up [-- api], npm run cluster:kubectl -- get pods, npm run
 * cluster:down.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { findCluster, inNetworkOf, runScript, startCluster, stopCluster, untilReady, versions } from "./cluster.ts";

const state = path.join(versions().cache, "cluster");
const [command, ...rest] = process.argv.slice(2);

async function up(tier: string): Promise<void> {
  if (tier !== "api" && tier !== "node") throw new Error(`no tier ${tier}: choose api (seconds, no node) or node`);
  if (findCluster(state) !== undefined) throw new Error("a cluster is already up: npm run cluster:down");
  runScript("packages.sh");
  runScript("build.sh");
  if (tier === "node") runScript("images.sh", "test");
  await stopCluster({ state, pid: 0 });
  const cluster = startCluster(state, tier, "when-stopped");
  await untilReady(cluster, tier);
  console.log(`up, its files in ${state}\nnpm run cluster:kubectl -- get nodes`);
}

async function down(): Promise<void> {
  const cluster = findCluster(state);
  await stopCluster(cluster ?? { state, pid: 0 });
  console.log(cluster ? "down" : "no cluster was up");
}

/** Runs a command in the cluster's network and ends with its status. */
function run(...command: string[]): void {
  const cluster = findCluster(state);
  if (cluster === undefined) throw new Error("no cluster is up: npm run cluster:up");
  const { args, env } = inNetworkOf(cluster, command);
  const { status } = spawnSync(args[0] ?? "", args.slice(1), { env, stdio: "inherit" });
  process.exitCode = status ?? 1;
}

try {
  if (command === "up") await up(rest[0] ?? "node");
  else if (command === "down") await down();
  else if (command === "kubectl") run("kubectl", ...rest);
  else if (command === "run") run(...rest);
  else throw new Error("usage: cli.ts up [api|node] | down | kubectl ARGUMENTS… | run COMMAND…");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
