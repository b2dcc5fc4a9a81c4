import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { CORES } from "./cores.ts";

export interface ServerProcess {
  readonly port: number;
  /** From its start to the line that says it is ready. */
  readonly startMilliseconds: number;
  readonly residentMiB: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a Node program on the server's core and waits until it prints a JSON line with a `port`. Its output goes to the file
 * `logPath`: to read it as it comes would take time from what is measured.
 */
export async function startServer(args: readonly string[], logPath: string): Promise<ServerProcess> {
  const [command = "", ...rest] = [...CORES.server, process.execPath, ...args];
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
        startMilliseconds: performance.now() - start,
        async residentMiB() {
          const status = await readFile(`/proc/${String(child.pid)}/status`, "utf8");
          return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
        },
        async stop() {
          child.kill("SIGKILL");
          await ended;
        },
      };
    }
    if (child.exitCode !== null) throw new Error(`${args.join(" ")} ended before it was ready`);
    await sleep(2);
  }
}

function portIn(log: string): number | undefined {
  for (const line of log.split("\n").slice(0, -1)) {
    const { port } = JSON.parse(line) as { port?: unknown };
    if (typeof port === "number") return port;
  }
  return undefined;
}
