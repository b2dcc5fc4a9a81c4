import { Option, type Command } from "commander";
import { printNotes, reportUsage } from "../process/settings.ts";
import { explainManifest } from "./explain-manifest.ts";
import { manifestsOf } from "./manifests.ts";
import { nothingFound } from "./nothing-found.ts";
import { offlineCommand, prepare, type OfflineOptions } from "./offline-command.ts";
import { enabledNamespaces } from "./opted-in.ts";

const HELP = `
For each Job, CronJob and Pod, it shows the strategy and why, each container's
role and why, what will be stopped and when, what changes, and a diff of the
manifest, without the wrappers' scripts. For what doesn't opt in, it shows what
the label would do.

It also finds the Pods that Argo Workflows, Spark, JobSet and Volcano make, and
says where their label goes.

The exit code is 1 if a Job or Pod would be refused.

Examples:
  curfew explain -f job.yaml
  curfew explain -k overlay
  helm template chart | curfew explain --all
  curfew explain -o json job.yaml | jq '.jobs[].message'`;

/** Columns. Longer lines are hard to read, even on a wide terminal. */
const MAX_WIDTH = 120;

/**
 * `curfew explain`. Its exit code is 1 if a Job or Pod would be refused, and 2 if the input can't be read.
 */
export function explainCommand(): Command {
  return offlineCommand("explain")
    .description("Shows what the webhook would do with the Jobs and Pods in manifests, and why.")
    .addOption(new Option("-o, --output <format>", "output format").choices(["text", "json"]).default("text"))
    .addOption(new Option("--json", "the same as -o json").implies({ output: "json" }))
    .addHelpText("after", HELP)
    .action(run);
}

interface ExplainOptions extends OfflineOptions {
  readonly output: "text" | "json";
}

async function run(paths: readonly string[], options: ExplainOptions, command: Command): Promise<void> {
  const prepared = await prepare(paths, options, command);
  if (prepared.kind === "unusable") {
    reportUsage(command, prepared.problems);
    return;
  }
  const manifests = prepared.files.flatMap(manifestsOf);
  const namespaces = enabledNamespaces(manifests.map(({ value }) => value));
  const scope = { unlabelled: options.all ? "plan" : "preview", namespaces } as const;
  const width = Math.min(process.stdout.columns || MAX_WIDTH, MAX_WIDTH);
  const explained = manifests.map((manifest) => explainManifest(manifest, prepared.planner, { scope, width }));
  const jobs = explained.flatMap((each) => each.jobs);
  const others = explained.flatMap((each) => each.others);
  const isEmpty = jobs.length + others.length === 0;
  if (options.output === "json") {
    console.log(JSON.stringify({ schemaVersion: 1, jobs, others }, null, 2));
    if (isEmpty) printNotes(command, nothingFound(prepared.files));
  } else {
    const texts = explained.flatMap((each) => each.texts());
    process.stdout.write(isEmpty ? `${nothingFound(prepared.files).join("\n")}\n` : texts.join("\n"));
  }
  if (isEmpty && options.failOnEmpty) process.exitCode = 1;
  if (explained.some(({ hasRefusals }) => hasRefusals)) process.exitCode = 1;
}
