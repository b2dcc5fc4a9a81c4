/** The command line, run from its source as a person would run it beside kubectl. */
import { execFile } from "node:child_process";
import path from "node:path";

const CLI = path.join(import.meta.dirname, "../../../src/cli.ts");

export interface CurfewResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `curfew` with KUBECONFIG's cluster, unless `env` names another. Any exit status is an outcome. */
export async function curfew(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CurfewResult> {
  const options = { maxBuffer: 64 << 20, env: { ...process.env, ...env } };
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number")
        reject(new Error(`curfew ${args.join(" ")} did not run`, { cause: error }));
      else resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
