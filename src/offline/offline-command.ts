/**
 * What inject and explain have in common: the manifests that they read, and the options that the
 * cluster's operator has set for the webhook.
 */
import { Command } from "commander";
import { addSettings, fullName, parseSettings } from "../process/settings.ts";
import { createPlanner, type Planner } from "../planner/planner.ts";
import { PLANNER_SETTINGS } from "../planner/settings.ts";
import type { ManifestFile } from "./manifests.ts";
import { readFiles, type ReadResult } from "./read-files.ts";
import { readKustomization } from "./read-kustomization.ts";

export interface OfflineOptions extends Readonly<Record<string, unknown>> {
  readonly filename?: readonly string[];
  readonly kustomize?: string;
  readonly recursive?: boolean;
  readonly all?: boolean;
  readonly failOnEmpty?: boolean;
}

export type Prepared =
  | { readonly kind: "ready"; readonly planner: Planner; readonly files: readonly ManifestFile[] }
  | { readonly kind: "unusable"; readonly problems: readonly string[] };

/** A command with the arguments and options that inject and explain share. */
export function offlineCommand(name: string): Command {
  const command = new Command(name)
    .argument("[files...]", "files or directories, as with -f")
    .option("-f, --filename <path...>", "a manifest file, a directory of them, or - for standard input (the default)")
    .option("-R, --recursive", "also read the subdirectories of directories")
    .option("-k, --kustomize <directory>", "read what kubectl kustomize, or kustomize build, makes of it")
    .option("--all", "treat Jobs and Pods that don't opt in as labelled; any value but true still opts out")
    .option("--fail-on-empty", "exit with 1 if there's nothing for Curfew in them");
  return addSettings(command, PLANNER_SETTINGS);
}

/**
 * Reads the manifests and makes the planner, for a command of {@link offlineCommand}. Every problem
 * with either is reported at once.
 */
export async function prepare(paths: readonly string[], options: OfflineOptions, command: Command): Promise<Prepared> {
  const parsed = await parseSettings(PLANNER_SETTINGS, options);
  const read = await readInput([...(options.filename ?? []), ...paths], options, command);
  if (parsed.kind === "settings" && read.kind === "read") {
    return { kind: "ready", files: read.files, planner: createPlanner(parsed.settings) };
  }
  const problems = [
    ...(parsed.kind === "invalid" ? parsed.problems : []),
    ...(read.kind === "unreadable" ? read.problems : []),
  ];
  return { kind: "unusable", problems };
}

/** kubectl has the same two forms of input, and lets nobody mix them. */
async function readInput(
  paths: readonly string[],
  { kustomize, recursive = false }: OfflineOptions,
  command: Command,
): Promise<ReadResult> {
  if (kustomize === undefined) return readFiles(paths, { recursive, command: fullName(command) });
  if (paths.length === 0 && !recursive) return readKustomization(kustomize);
  return { kind: "unreadable", problems: [`-k comes alone: leave out ${recursive ? "-R" : "-f and other files"}`] };
}
