/** `curfew dispatch` as a process beside the tests. */
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { bareEnvironment } from "../../support/bare-environment.ts";

const CLI = path.join(import.meta.dirname, "../../../src/cli.ts");

export interface DispatcherProcess {
  /** The webhook's URL. */
  readonly url: string;
  /** SIGKILL: nothing is drained. */
  readonly kill: () => Promise<void>;
  /** What it logged, without the lines about Jobs that it created. */
  readonly log: () => string;
}

/** Resolves once it's ready. `env` has KUBECONFIG and the secrets that the file `config` names. */
export async function startDispatcherProcess(
  config: string,
  env: Readonly<Record<string, string>>,
): Promise<DispatcherProcess> {
  const args = ["dispatch", "--config", config, "--host", "127.0.0.1", "--port", "0", "--ops-port", "0"];
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...bareEnvironment, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.on("close", resolve));
  const lines: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    child.on("error", reject).on("close", (code) => {
      reject(new Error(`the dispatcher ended with ${String(code)}: ${lines.join("\n")}`));
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes('"msg":"ready"')) resolve((JSON.parse(line) as { port: number }).port);
      if (!line.includes("created the Job")) lines.push(line);
    });
  });
  return {
    url: `http://127.0.0.1:${port}/webhooks/buildkite`,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    log: () => lines.join("\n"),
  };
}
