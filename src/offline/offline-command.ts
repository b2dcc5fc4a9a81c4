/**
 * What inject and explain have in common: the manifests that they read, and the options that the
 * cluster's operator has set for the webhook.
 */
import { Command } from "commander";
import { addSettings, parseSettings } from "../process/settings.ts";
import { createPlanner, type Planner } from "../planner/planner.ts";
import { PLANNER_SETTINGS } from "../planner/settings.ts";
import type { ManifestFile } from "./manifests.ts";
import { readFiles } from "./read-files.ts";

export interface OfflineOptions extends Readonly<Record<string, unknown>> {
  readonly filename?: readonly string[];
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
    .option("--all", "treat Jobs and Pods that don't opt in as labelled; any value but true still opts out")
    .option("--fail-on-empty", "exit with 1 if there's nothing for Curfew in them");
  return addSettings(command, PLANNER_SETTINGS);
}

/** Reads the manifests and makes the planner. Every problem with either is reported at once. */
export async function prepare(paths: readonly string[], options: OfflineOptions): Promise<Prepared> {
  const parsed = await parseSettings(PLANNER_SETTINGS, options);
  const read = await readFiles([...(options.filename ?? []), ...paths]);
  if (parsed.kind === "settings" && read.kind === "read") {
    return { kind: "ready", files: read.files, planner: createPlanner(parsed.settings) };
  }
  const problems = [
    ...(parsed.kind === "invalid" ? parsed.problems : []),
    ...(read.kind === "unreadable" ? read.problems : []),
  ];
  return { kind: "unusable", problems };
}
