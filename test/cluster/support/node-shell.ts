/**
 * A root shell on the node, for what tests do behind kubelet's back. It's a privileged Pod, so it
 * works in any cluster.
 */
import { accepted, create } from "./api.ts";
import { statusOf, type Pod } from "./jobs.ts";
import { exec, kubectlOutput } from "./kubectl.ts";
import { script } from "./manifests.ts";

const NAME = "node-shell";

/** Starts the Pod in `namespace`, and waits until it's ready. */
export async function startNodeShell(namespace: string): Promise<void> {
  const container = script("shell", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done", {
    securityContext: { privileged: true },
  });
  const spec = { hostPID: true, terminationGracePeriodSeconds: 1, containers: [container] };
  accepted(await create(namespace, { apiVersion: "v1", kind: "Pod", metadata: { name: NAME }, spec }));
  await kubectlOutput(["wait", "-n", namespace, "--for=condition=Ready", `pod/${NAME}`, "--timeout=60s"]);
}

/**
 * SIGKILLs a container's first process, as the kernel or a person on the node would, or sends it
 * another signal.
 */
export async function killContainer(
  namespace: string,
  pod: Pod,
  container: string,
  signal: "KILL" | "STOP" | "CONT" = "KILL",
): Promise<void> {
  const find = `grep -q ${idOf(pod, container)} $p/cgroup && grep -q 'NSpid:.*[[:space:]]1$' $p/status`;
  const kill = `for p in /proc/[0-9]*; do ${find} && kill -${signal} \${p#/proc/} && exit 0; done 2>/dev/null; exit 1`;
  await exec(namespace, NAME, "shell", kill);
}

/**
 * Whether the kernel has OOM-killed a process of the container, by the kernel's log: a cgroup's
 * counters are gone with the container.
 */
export async function wasOomKilled(namespace: string, pod: Pod, container: string): Promise<boolean> {
  const find = `dmesg | grep -c 'oom-kill:.*${idOf(pod, container)}' || true`;
  return Number(await exec(namespace, NAME, "shell", find)) > 0;
}

function idOf(pod: Pod, container: string): string {
  const id = statusOf(pod, container)?.containerID?.replace(/^.*:\/\//, "");
  if (id === undefined) throw new Error(`${container} has no container ID`);
  return id;
}
