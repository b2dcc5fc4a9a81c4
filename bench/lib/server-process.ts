import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { CORES } from "./cores.ts";

export interface ServerProcess {
  readonly port: number;
  /** From its start to the line that says it is ready. */
  readonly startMs: number;
  /** Processor time so far. Unlike wall-clock time, it's nearly the same on a busy machine. */
  readonly cpuMs: () => Promise<number>;
  readonly residentMiB: () => Promise<number>;
  /** The most that was ever resident. */
  readonly peakMiB: () => Promise<number>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves once it has ended. */
  readonly ended: Promise<unknown>;
  readonly stop: () => Promise<void>;
}

/** Starts a Node program as {@link startProgram} does. */
export function startServer(
  args: readonly string[],
  logPath: string,
  core: readonly string[] = CORES.server,
): Promise<ServerProcess> {
  return startProgram([process.execPath, ...args], logPath, core);
}

/**
 * Starts a program, on the server's core unless another is given, and waits until it prints a JSON
 * line with a `port`. Its output goes to the file `logPath`, because reading it as it comes would
 * take time from what is measured.
 */
export async function startProgram(
  program: readonly string[],
  logPath: string,
  core: readonly string[] = CORES.server,
): Promise<ServerProcess> {
  const [command = "", ...rest] = [...core, ...program];
  const log = openSync(logPath, "w");
  const start = performance.now();
  const child = spawn(command, rest, { stdio: ["ignore", log, "inherit"] });
  closeSync(log);
  const ended = once(child, "close");
  for (;;) {
    const port = portIn(readFileSync(logPath, "utf8"));
    if (port !== undefined) {
      return {
        port,
        startMs: performance.now() - start,
        cpuMs: () => cpuMs(child.pid),
        residentMiB: () => memoryMiB(child.pid, "VmRSS"),
        peakMiB: () => memoryMiB(child.pid, "VmHWM"),
        signal: (signal) => void child.kill(signal),
        ended,
        async stop() {
          child.kill("SIGKILL");
          await ended;
        },
      };
    }
    if (child.exitCode !== null) throw new Error(`${program.join(" ")} ended before it was ready`);
    await sleep(2);
  }
}

/**
 * man 5 proc_pid_stat: utime and stime are the 14th and 15th field, in ticks of 10 ms. The second
 * field can have spaces in its parentheses.
 */
async function cpuMs(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/**
 * https://www.kernel.org/doc/html/latest/filesystems/proc.html: VmRSS is resident now, VmHWM at the
 * peak.
 */
async function memoryMiB(pid: number | undefined, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

function portIn(log: string): number | undefined {
  for (const line of log.split("\n").slice(0, -1)) {
    const { port } = JSON.parse(line) as { port?: unknown };
    if (typeof port === "number") return port;
  }
  return undefined;
}
