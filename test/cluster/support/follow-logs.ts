/** A container's output with the time of each line, even if its Pod is removed at the end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { pathOf, request } from "./api.ts";
import type { Pod } from "./jobs.ts";

/**
 * A line of output and when the container runtime read it, in milliseconds since 1970, with their
 * fractions.
 */
export interface LogLine {
  readonly at: number;
  readonly text: string;
}

/**
 * The container runtime reads each container's output separately, so lines of two containers can be
 * this much out of order.
 */
export const SLACK_MS = 500;

/**
 * Follows the output of a container that has already written something. Resolves once the first
 * output is here: then the rest comes even if the Pod is removed. The function that it resolves to
 * waits until the container has ended, and returns all of its output.
 */
export async function followLogs(
  namespace: string,
  pod: Pod,
  container: string,
): Promise<() => Promise<readonly LogLine[]>> {
  const args = ["logs", "-f", "--timestamps", "-n", namespace, pod.metadata.name, "-c", container];
  const child = spawn("kubectl", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  const ended = once(child, "close");
  await Promise.race([once(child.stdout, "data"), ended]);
  if (output === "") throw new Error(`kubectl ${args.join(" ")} ended without output`);
  return async () => {
    await ended;
    return parseLines(output);
  };
}

/** What a container has written so far, or until it ended. */
export async function linesOf(namespace: string, pod: Pod, container: string): Promise<readonly LogLine[]> {
  const path = `${pathOf("Pod", namespace, pod.metadata.name)}/log?timestamps=true&container=${container}`;
  const { status, body } = await request<{ message: string }>("GET", path);
  if (status !== 200) throw new Error(`no logs of ${container}: ${body.message}`);
  return parseLines(body.message);
}

function parseLines(output: string): readonly LogLine[] {
  const lines = output.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const space = line.indexOf(" ");
    const time = line.slice(0, space);
    // Date has milliseconds only; a main's last line and its sidecar's TERM can be closer than
    // that.
    const fraction = /\.\d{3}(\d+)/.exec(time)?.[1] ?? "0";
    return { at: Date.parse(time) + Number(`0.${fraction}`), text: line.slice(space + 1) };
  });
}

/** When `text` was written; throws if it wasn't. */
export function timeOf(lines: readonly LogLine[], text: string): number {
  const line = lines.find((line) => line.text.includes(text));
  if (line === undefined)
    throw new Error(`${text} was not written, but: ${lines.map((line) => line.text).join(" | ")}`);
  return line.at;
}
