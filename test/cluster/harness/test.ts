/**
 * `npm run test:cluster [-- api|node] [-- vitest's arguments]`: the tests against a real
 * Kubernetes.
 *
 * If KUBECONFIG is set (and CURFEW_IMAGE, an image that the cluster can run), the node tier runs
 * against that cluster. Otherwise, the tests run against clusters that are built, started and
 * removed again. If the cluster of `npm run cluster:up` is up, the node tier runs against that.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import { findCluster, inNetworkOf, runScript, untilReady, versions, type Cluster, type Tier } from "./cluster.ts";
import { importImage } from "./image.ts";
import { withCluster } from "./with-cluster.ts";

const [first, ...others] = process.argv.slice(2);
const only = first === "api" || first === "node" ? first : undefined;
const vitestArguments = only === undefined && first !== undefined ? [first, ...others] : others;

// The tests are children in this process group. So Ctrl-C reaches them, they end, and then this
// process cleans up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => (process.exitCode = 130));

/** Runs one tier's tests; true if all passed. */
async function runTests(tier: Tier, command: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  if (process.exitCode === 130) return false;
  const vitest = path.join(import.meta.dirname, "../../../node_modules/vitest/vitest.mjs");
  const config = path.join(import.meta.dirname, "../../../vitest.cluster.config.ts");
  const run = [
    ...command,
    process.execPath,
    vitest,
    "run",
    "--config",
    config,
    "--project",
    `${tier}*`,
    ...vitestArguments,
  ];
  const child = spawn(run[0] ?? "", run.slice(1), { env, stdio: "inherit" });
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      resolve(code === 0);
    });
  });
}

/** Runs the API tier, always in a new cluster. It has no node, so it starts in seconds. */
async function testApi(): Promise<boolean> {
  return withCluster("api", (cluster) => runIn(cluster, "api", {}));
}

/**
 * Runs the node tier. The image is built while the node comes up. If the cluster ends with the tests,
 * nothing needs to be removed from it first.
 */
async function testNode(cluster: Cluster, ends: boolean): Promise<boolean> {
  // A new tag each time, so that an existing Deployment takes the new image.
  const image = `curfew:test-${Date.now()}`;
  await Promise.all([untilReady(cluster, "node"), importImage(cluster, image)]);
  const more = ends ? { CURFEW_TEST_CLUSTER_ENDS: "yes" } : {};
  return runIn(cluster, "node", { CURFEW_IMAGE: image, CURFEW_TEST_CLUSTER: cluster.state, ...more });
}

async function runIn(cluster: Cluster, tier: Tier, more: NodeJS.ProcessEnv): Promise<boolean> {
  const { args, env } = inNetworkOf(cluster, []);
  return runTests(tier, args, { ...env, ...more });
}

/**
 * Runs the node tier in somebody else's cluster. The API tier can't run there: its webhook listens
 * here, where that cluster's API server can't reach it.
 */
async function testTheirs(): Promise<boolean> {
  if (process.env["CURFEW_IMAGE"] === undefined)
    throw new Error("CURFEW_IMAGE is not set: set it to the image that the cluster should run");
  if (only === "api") throw new Error("the API tier needs the cluster that this harness starts: unset KUBECONFIG");
  return runTests("node", [], process.env);
}

async function main(): Promise<boolean> {
  if (process.env["KUBECONFIG"] !== undefined) return testTheirs();
  runScript("packages.sh");
  runScript("build.sh");
  const api = only === "node" || (await testApi());
  if (only === "api") return api;
  runScript("images.sh", "test");
  const running = findCluster(path.join(versions().cache, "cluster"));
  return (await (running ? testNode(running, false) : withCluster("node", (own) => testNode(own, true)))) && api;
}

try {
  if (!(await main())) process.exitCode ??= 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
