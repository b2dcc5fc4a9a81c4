/**
 * The control plane's processes, for tests that kill or stop them. Only in the harness's cluster,
 * because their network tells which ones they are.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { request } from "./api.ts";

/** Whether the API server and its etcd answer. */
export async function isApiServerReady(): Promise<boolean> {
  return (await request("GET", "/readyz").catch(() => undefined))?.status === 200;
}

/** Sends a signal to `etcd` or `kube-apiserver`. After SIGKILL, it comes back in two seconds. */
export function signalControlPlane(name: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  const ours = readlinkSync("/proc/self/ns/net");
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && isOurs(entry));
  if (pids.length !== 1) throw new Error(`there are ${pids.length} ${name} processes in this network`);
  process.kill(Number(pids[0]), signal);

  function isOurs(pid: string): boolean {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name && readlinkSync(`/proc/${pid}/ns/net`) === ours;
    } catch {
      return false; // it has just ended
    }
  }
}
