/** The control plane's processes, for tests that end or stop them. Of the harness's cluster only: they are found by their network. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { request } from "./api.ts";

/** Whether the API server answers, and its etcd. */
export async function isApiServerReady(): Promise<boolean> {
  return (await request("GET", "/readyz").catch(() => undefined))?.status === 200;
}

/** Sends a signal to `etcd` or `kube-apiserver`. After SIGKILL it comes back in two seconds. */
export function signalControlPlane(name: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  const ours = readlinkSync("/proc/self/ns/net");
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && isOurs(entry));
  if (pids.length !== 1) throw new Error(`there are ${pids.length} processes ${name} in this network`);
  process.kill(Number(pids[0]), signal);

  function isOurs(pid: string): boolean {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name && readlinkSync(`/proc/${pid}/ns/net`) === ours;
    } catch {
      return false; // it has just ended
    }
  }
}
