/**
 * `npm run test:cluster [-- api|node] [-- vitest's arguments]`: the tests against a real Kubernetes.
 *
 * With KUBECONFIG (and CURFEW_IMAGE, an image that the cluster can run) set: against that cluster. Else against the one that
 * `npm run cluster:up` has started, else against one that is built, started and removed again.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import { findCluster, inNetworkOf, runScript, startCluster, stopCluster, temporaryState } from "./cluster.ts";
import { untilReady, versions, type Cluster } from "./cluster.ts";
import { importImage } from "./image.ts";

const [first, ...others] = process.argv.slice(2);
const only = first === "api" || first === "node" ? first : undefined;
const vitestArguments = only === undefined && first !== undefined ? [first, ...others] : others;

// The tests are children in this process group: Ctrl-C reaches them, they end, and then this process cleans up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => (process.exitCode = 130));

/** Runs one tier's tests; true if all passed. */
async function runTests(tier: "api" | "node", command: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  if (process.exitCode === 130) return false;
  const vitest = path.join(import.meta.dirname, "../../../node_modules/vitest/vitest.mjs");
  const config = path.join(import.meta.dirname, "../../../vitest.cluster.config.ts");
  const run = [...command, process.execPath, vitest, "run", "--config", config, "--project", tier, ...vitestArguments];
  const child = spawn(run[0] ?? "", run.slice(1), { env, stdio: "inherit" });
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      resolve(code === 0);
    });
  });
}

/** A cluster of ours: the API tier's tests run while the node comes up and the image is built. */
async function testOwn(cluster: Cluster): Promise<boolean> {
  const image = "curfew:test";
  const { args, env } = inNetworkOf(cluster, []);
  const tests = { ...env, CURFEW_IMAGE: image, CURFEW_TEST_CLUSTER: cluster.state };
  const node = only === "api" ? undefined : untilReady(cluster, "node").then(() => importImage(cluster, image));
  node?.catch(() => undefined); // awaited below, after the API tier's tests
  let passed = true;
  if (only !== "node") {
    await untilReady(cluster, "api");
    passed = await runTests("api", args, tests);
  }
  if (node === undefined) return passed;
  await node;
  return (await runTests("node", args, tests)) && passed;
}

/** A cluster of someone else's. The API tier's webhook listens here, where that cluster's API server can't reach it. */
async function testTheirs(): Promise<boolean> {
  if (process.env["CURFEW_IMAGE"] === undefined)
    throw new Error("CURFEW_IMAGE is not set: name the image that the cluster shall run");
  if (only === "api") throw new Error("the API tier needs the cluster that this harness starts: unset KUBECONFIG");
  return runTests("node", [], process.env);
}

async function main(): Promise<boolean> {
  if (process.env["KUBECONFIG"] !== undefined) return testTheirs();
  const running = findCluster(path.join(versions().cache, "cluster"));
  if (running !== undefined) return testOwn(running);
  runScript("packages.sh");
  runScript("build.sh");
  if (only !== "api") runScript("images.sh", "test");
  const cluster = startCluster(await temporaryState(), only === "api" ? "api" : "node", "with-us");
  try {
    return await testOwn(cluster);
  } finally {
    await stopCluster(cluster);
  }
}

try {
  if (!(await main())) process.exitCode ??= 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
