/** `-k DIRECTORY`: the manifests that kustomize builds, as with `kubectl apply -k`. */
import { spawnSync } from "node:child_process";
import { parseBytes, type ReadResult } from "./read-files.ts";

/** In the order in which they're tried. kubectl has kustomize built in. */
const TOOLS = [
  ["kubectl", "kustomize"],
  ["kustomize", "build"],
] as const;

/**
 * Builds a kustomization with kubectl, or with kustomize if there's no kubectl, and parses it. The
 * tool writes its warnings and errors to standard error itself. Never throws for what's wrong with
 * the kustomization, nor if there's no tool: see `problems`.
 */
export function readKustomization(directory: string): ReadResult {
  for (const [tool, subcommand] of TOOLS) {
    const args = [subcommand, directory];
    const { error, status, stdout } = spawnSync(tool, args, {
      stdio: ["ignore", "pipe", "inherit"],
      maxBuffer: Infinity,
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") continue;
    if (error) throw error;
    if (status === 0) return parseBytes(directory, stdout);
    return { kind: "unreadable", problems: [`cannot read ${directory}: ${tool} ${subcommand} failed`] };
  }
  const tools = `kubectl (https://kubernetes.io/docs/tasks/tools/) or kustomize (https://kustomize.io/)`;
  return { kind: "unreadable", problems: [`-k needs ${tools} to be installed, and neither is in PATH`] };
}
