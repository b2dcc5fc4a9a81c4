/**
 * Starts and stops the one-node cluster of cluster.sh in its own namespaces. One process holds
 * them. When that ends, by stopCluster(), Ctrl-C or SIGKILL, the kernel ends every process and
 * mount in them. Only a folder and empty cgroups are left.
 */
import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, globSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync } from "node:fs";
import { rmSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const here = import.meta.dirname;

/**
 * What cluster.sh starts: `api` takes seconds and has no node; `node` is `api` and then a kubelet.
 */
export type Tier = "api" | "node";

/**
 * A cluster that was started from here: where its files are, and the process that holds its
 * namespaces.
 */
export interface Cluster {
  readonly state: string;
  readonly pid: number;
}

/** Folders by version, and their variables in versions.sh. */
const FOLDERS = {
  cache: "cache",
  kubernetesBin: "kubernetes_bin",
  containerdBin: "containerd_bin",
  certManagerBin: "cert_manager_bin",
  kueueBin: "kueue_bin",
  prometheusOperatorCrds: "prometheus_operator_crds",
  helm3Bin: "helm_3_bin",
  helm4Bin: "helm_4_bin",
  kubeconformBin: "kubeconform_bin",
  actionlintBin: "actionlint_bin",
} as const;

/** What versions.sh says. */
export function versions(): Readonly<Record<keyof typeof FOLDERS, string>> {
  const variables = Object.values(FOLDERS).map((name) => `"$${name}"`);
  const script = `. "$0" && printf "%s\\n" ${variables.join(" ")}`;
  const lines = execFileSync("bash", ["-c", script, path.join(here, "versions.sh")], { encoding: "utf8" }).split("\n");
  return Object.fromEntries(Object.keys(FOLDERS).map((key, index) => [key, lines[index] ?? ""])) as ReturnType<
    typeof versions
  >;
}

/** Runs one of this folder's scripts, with its progress on stderr; returns its stdout. */
export function runScript(name: string, ...args: string[]): string {
  return execFileSync(path.join(here, name), args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/**
 * Whether a cluster's process still runs. The folder's name must be in its arguments, because
 * another process can have the same PID by now.
 */
function isRunning(cluster: Cluster): boolean {
  try {
    return readFileSync(`/proc/${cluster.pid}/cmdline`, "utf8").includes(cluster.state);
  } catch {
    return false;
  }
}

/** The cluster whose files are in `state`, if it runs. */
export function findCluster(state: string): Cluster | undefined {
  if (!existsSync(path.join(state, "pid"))) return undefined;
  const cluster = { state, pid: Number(readFileSync(path.join(state, "pid"), "utf8")) };
  return isRunning(cluster) ? cluster : undefined;
}

/**
 * A new folder for a cluster that lives as long as its test run. Removes what earlier runs that
 * were killed left behind.
 */
export async function temporaryState(): Promise<string> {
  for (const stale of globSync(path.join(tmpdir(), "curfew-cluster-*"))) {
    // Without a PID, it may belong to another run that's about to start.
    if (existsSync(path.join(stale, "pid")) && findCluster(stale) === undefined) await removeState(stale);
  }
  return mkdtempSync(path.join(tmpdir(), "curfew-cluster-"));
}

/**
 * Starts a cluster and returns at once; untilReady() waits. `ends` says whether it ends with this
 * process (tests) or stays until stopCluster() (people).
 */
export function startCluster(state: string, tier: Tier, ends: "with-us" | "when-stopped"): Cluster {
  mkdirSync(state, { recursive: true });
  const namespaces = ["unshare", "--net", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child=KILL"];
  const command = [...namespaces, "tini", "-s", "--", path.join(here, "cluster.sh"), state, tier];
  const [program = "", ...args] = [...(ends === "with-us" ? ["setpriv", "--pdeathsig", "KILL"] : []), ...command];
  const log = openSync(path.join(state, "cluster.log"), "a");
  // Detached: Ctrl-C goes to the whole foreground group, and the cluster must outlive the tests
  // that it interrupts.
  const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`cannot start ${program}: is util-linux installed?`);
  child.unref();
  writeFileSync(path.join(state, "pid"), String(child.pid));
  return { state, pid: child.pid };
}

/** Resolves once the tier answers. If the cluster ends before that, throws what cluster.sh said. */
export async function untilReady(cluster: Cluster, tier: Tier): Promise<void> {
  // During an exec, like setpriv's, a process has no arguments that identify it. So it has ended
  // only if several looks don't find it.
  for (let missed = 0; !existsSync(path.join(cluster.state, `ready-${tier}`));) {
    missed = isRunning(cluster) ? 0 : missed + 1;
    if (missed === 3) {
      const said = path.join(cluster.state, "failed");
      throw new Error(
        `the cluster ended while starting: ${existsSync(said) ? readFileSync(said, "utf8").trim() : "no reason given"}`,
      );
    }
    await sleep(100);
  }
}

/** Ends a cluster and removes everything it left. */
export async function stopCluster(cluster: Cluster): Promise<void> {
  if (isRunning(cluster)) process.kill(cluster.pid, "SIGKILL");
  for (let waited = 0; isRunning(cluster) && waited < 10_000; waited += 50) await sleep(50);
  await removeState(cluster.state);
}

async function removeState(state: string): Promise<void> {
  const cgroup = `curfew${state.replaceAll("/", "-")}`;
  const groups = [`/sys/fs/cgroup/${cgroup}`, ...globSync(`/sys/fs/cgroup/*/${cgroup}`)].filter((group) =>
    existsSync(group),
  );
  for (const group of groups) await removeCgroup(group);
  rmSync(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/**
 * A cgroup can be removed once it has neither children nor processes. Killed processes can take a
 * moment.
 */
async function removeCgroup(group: string): Promise<void> {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(path.join(group, entry.name));
  }
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(group);
      return;
    } catch (cause) {
      if (attempt === 600) throw new Error(`cannot remove the cgroup ${group}`, { cause });
      await sleep(100);
    }
  }
}

/**
 * The command line that runs `command` in the cluster's network, with its kubeconfig and its
 * kubectl.
 */
export function inNetworkOf(cluster: Cluster, command: readonly string[]): { args: string[]; env: NodeJS.ProcessEnv } {
  const { kubernetesBin } = versions();
  return {
    args: ["nsenter", `--net=/proc/${cluster.pid}/ns/net`, "--", ...command],
    env: {
      ...process.env,
      KUBECONFIG: path.join(cluster.state, "admin.conf"),
      PATH: `${kubernetesBin}:${process.env["PATH"] ?? ""}`,
    },
  };
}
