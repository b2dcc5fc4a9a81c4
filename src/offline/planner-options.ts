/** The options that inject and explain share: which manifests, and what the cluster's operator has decided for the webhook. */
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { parse } from "yaml";
import { parseKnownImages, type KnownImage } from "../injection/known-images.ts";
import { planCronJob } from "../injection/plan-cron-job.ts";
import { planJob } from "../injection/plan-job.ts";
import type { PlanOptions } from "../injection/plan.ts";
import type { Planner } from "./plan-manifests.ts";
import { readFiles, type ReadResult } from "./read-files.ts";

export interface OfflineOptions {
  readonly filename?: readonly string[];
  readonly all?: boolean;
  readonly strategy: "auto" | "trap" | "native";
  readonly nativeSidecars: boolean;
  readonly knownImages?: string;
}

export type Prepared =
  | {
      readonly kind: "ready";
      readonly planner: Planner;
      readonly files: Extract<ReadResult, { kind: "read" }>["files"];
    }
  | { readonly kind: "unusable"; readonly problems: readonly string[] };

export function offlineCommand(name: string): Command {
  return new Command(name)
    .argument("[files...]", "files or directories, as with -f")
    .option("-f, --filename <path...>", "a manifest file, a directory of them, or - for standard input (the default)")
    .option("--all", "Jobs without the label, too, unless their label says false")
    .addOption(
      new Option("--strategy <name>", "for Jobs without curfew.sh/strategy, as the webhook is configured")
        .choices(["auto", "trap", "native"])
        .env("CURFEW_STRATEGY")
        .default("auto"),
    )
    .addOption(
      new Option("--native-sidecars <boolean>", "false: some nodes are older than Kubernetes 1.29")
        .argParser(parseBoolean)
        .env("CURFEW_NATIVE_SIDECARS")
        .default(true),
    )
    .addOption(
      new Option("--known-images <file>", "the operator's own rows of known images").env("CURFEW_KNOWN_IMAGES"),
    );
}

/** Reads the manifests and builds the planner; every problem with either is reported at once. */
export async function prepare(paths: readonly string[], options: OfflineOptions): Promise<Prepared> {
  const known = options.knownImages ? await readKnownImages(options.knownImages) : { rows: [] };
  const read = await readFiles([...(options.filename ?? []), ...paths]);
  if ("problem" in known || read.kind === "unreadable") {
    const problems = [
      ...("problem" in known ? [known.problem] : []),
      ...(read.kind === "unreadable" ? read.problems : []),
    ];
    return { kind: "unusable", problems };
  }
  const { strategy, nativeSidecars } = options;
  const planOptions: PlanOptions = { strategy, nativeSidecars, knownImages: known.rows };
  return { kind: "ready", files: read.files, planner: createPlanner(planOptions) };
}

/** The functions that the webhook calls, with what its operator has decided. */
export function createPlanner(options: PlanOptions): Planner {
  const plans = { Job: planJob, CronJob: planCronJob };
  return (kind, object, scope) => plans[kind](object, { ...options, ...scope });
}

async function readKnownImages(path: string): Promise<{ rows: readonly KnownImage[] } | { problem: string }> {
  try {
    const parsed = parseKnownImages(parse(await readFile(path, "utf8")));
    return "problem" in parsed ? { problem: `${path}: ${parsed.problem}` } : parsed;
  } catch (error) {
    return { problem: `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function parseBoolean(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("It must be true or false.");
  return text === "true";
}
