import { Option, type Command } from "commander";
import { printNotes, reportUsage } from "../process/settings.ts";
import { diffManifest } from "./diff.ts";
import { explain } from "./explain.ts";
import { explanationText } from "./explain-text.ts";
import { manifestsOf } from "./manifests.ts";
import { nothingFound } from "./nothing-found.ts";
import { planManifest } from "./plan-manifests.ts";
import { offlineCommand, prepare, type OfflineOptions } from "./offline-command.ts";

const HELP = `
For each Job and CronJob, it shows the strategy and why, each container's role
and why, what will be stopped and when, what changes, and a diff of the
manifest, without the wrappers' scripts.

For a Job without the label, it shows what the label would do.

The exit code is 1 if a Job would be refused.

Examples:
  curfew explain -f job.yaml
  helm template chart | curfew explain --all
  curfew explain -o json job.yaml | jq '.jobs[].message'`;

/** Columns. Longer lines are hard to read, even on a wide terminal. */
const MAX_WIDTH = 120;

/**
 * `curfew explain`. Its exit code is 1 if a Job would be refused, and 2 if the input can't be read.
 */
export function explainCommand(): Command {
  return offlineCommand("explain")
    .description("Shows what the webhook would do with the Jobs in manifests, and why.")
    .addOption(new Option("-o, --output <format>", "output format").choices(["text", "json"]).default("text"))
    .addOption(new Option("--json", "the same as -o json").implies({ output: "json" }))
    .addHelpText("after", HELP)
    .action(run);
}

interface ExplainOptions extends OfflineOptions {
  readonly output: "text" | "json";
}

async function run(paths: readonly string[], options: ExplainOptions, command: Command): Promise<void> {
  const prepared = await prepare(paths, options);
  if (prepared.kind === "unusable") {
    reportUsage(command, prepared.problems);
    return;
  }
  const scope = { unlabelled: options.all ? "plan" : "preview" } as const;
  const jobs = prepared.files.flatMap(manifestsOf).flatMap((each) => planManifest(each, prepared.planner, scope));
  const isEmpty = jobs.length === 0;
  if (options.output === "json") {
    console.log(JSON.stringify({ schemaVersion: 1, jobs: jobs.map(explain) }, null, 2));
    if (isEmpty) printNotes(command, nothingFound(prepared.files));
  } else {
    const width = Math.min(process.stdout.columns || MAX_WIDTH, MAX_WIDTH);
    const texts = jobs.map((job) => {
      const hunks = diffManifest(job.manifest, job.patch);
      return explanationText(explain(job), { hunks, width, isPreview: job.isPreview });
    });
    process.stdout.write(isEmpty ? `${nothingFound(prepared.files).join("\n")}\n` : texts.join("\n"));
  }
  if (isEmpty && options.failOnEmpty) process.exitCode = 1;
  if (jobs.some(({ plan, isPreview }) => plan.kind === "refuse" && !isPreview)) process.exitCode = 1;
}
