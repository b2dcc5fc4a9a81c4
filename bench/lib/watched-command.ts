/** Runs a command, and measures it from outside. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Watched {
  readonly ms: number;
  /** Processor time, which a busy machine hardly changes. */
  readonly cpuMs: number;
  /** The most that it had in memory at once. */
  readonly peakMiB: number;
  readonly stdout: string;
  readonly status: number;
}

/** How often the kernel's counters are read. They only grow, so only its last moments can be missed. */
const EVERY_MS = 20;
/** USER_HZ, in which the kernel counts for people. */
const TICK_MS = 10;

/** Its output is kept only if `keep` is set, as there can be much of it. */
export async function runWatched(command: string, args: readonly string[], { keep = false } = {}): Promise<Watched> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let used = { peakMiB: 0, cpuMs: 0 };
  const timer = setInterval(() => {
    used = usedBy(child.pid ?? 0) ?? used;
  }, EVERY_MS);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    if (keep) chunks.push(chunk);
  });
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on("error", reject).on("close", (code) => {
        resolve(code ?? -1);
      });
    });
    return { ms: performance.now() - start, ...used, stdout: Buffer.concat(chunks).toString(), status };
  } finally {
    clearInterval(timer);
  }
}

/** Undefined: it has ended. */
function usedBy(pid: number): Pick<Watched, "peakMiB" | "cpuMs"> | undefined {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (kib === undefined) return undefined;
    // The fields after the name in brackets, which can hold spaces: proc_pid_stat(5).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return { peakMiB: Number(kib) / 1024, cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS };
  } catch {
    return undefined;
  }
}
