/** A container's output with the time of each line, also where its Pod is removed at the end. */
import { spawn } from "node:child_process";
import type { Pod } from "./jobs.ts";

/** A line of output and when it was written, in milliseconds since 1970. */
export interface LogLine {
  readonly at: number;
  readonly text: string;
}

/** Follows a container's output until the container has ended. Call it while the container runs. */
export async function followLogs(namespace: string, pod: Pod, container: string): Promise<readonly LogLine[]> {
  const args = ["logs", "-f", "--timestamps", "-n", namespace, pod.metadata.name, "-c", container];
  const child = spawn("kubectl", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const space = line.indexOf(" ");
      return { at: Date.parse(line.slice(0, space)), text: line.slice(space + 1) };
    });
}

/** When `text` was written; throws where it was not. */
export function timeOf(lines: readonly LogLine[], text: string): number {
  const line = lines.find((line) => line.text.includes(text));
  if (line === undefined)
    throw new Error(`${text} was not written, but: ${lines.map((line) => line.text).join(" | ")}`);
  return line.at;
}
