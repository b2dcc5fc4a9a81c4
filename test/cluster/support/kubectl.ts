/** The real kubectl, as a person would run it. */
import { execFile } from "node:child_process";

/** How a kubectl run ended. */
export interface KubectlResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kubectl; `input` is its standard input. Any exit status is an outcome. */
export async function kubectl(args: readonly string[], input?: string): Promise<KubectlResult> {
  return await new Promise((resolve, reject) => {
    const child = execFile("kubectl", args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") {
        reject(new Error(`kubectl ${args.join(" ")} did not run`, { cause: error }));
      } else {
        resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
      }
    });
    child.stdin?.on("error", () => undefined); // kubectl may end before it has read everything
    child.stdin?.end(input);
  });
}

/** kubectl's output; throws what it said if it failed. */
export async function kubectlOutput(args: readonly string[], input?: string): Promise<string> {
  const { status, stdout, stderr } = await kubectl(args, input);
  if (status !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

/** Runs a shell script in a container; throws what it said if it failed. */
export async function exec(namespace: string, pod: string, container: string, script: string): Promise<string> {
  return kubectlOutput(["exec", "-n", namespace, pod, "-c", container, "--", "sh", "-c", script]);
}
