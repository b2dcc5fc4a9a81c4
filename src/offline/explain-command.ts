import type { Command } from "commander";
import { diffManifest } from "./diff.ts";
import { explain } from "./explain.ts";
import { explanationText } from "./explain-text.ts";
import { manifestsOf } from "./manifests.ts";
import { planManifest } from "./plan-manifests.ts";
import { offlineCommand, prepare, type OfflineOptions } from "./planner-options.ts";

const HELP = `
For each Job and CronJob: the strategy and what decided it, each container's
role and how it was found, what will be stopped when, what is added, and the
difference to the manifest, without the text of the wrappers.

The exit code is 1 where a Job would be refused.

Examples:
  curfew explain -f job.yaml
  helm template chart | curfew explain --all
  curfew explain --json job.yaml | jq '.[].verdict'`;

/** Readable on a wide terminal, too. */
const MAX_WIDTH = 120;

export function explainCommand(): Command {
  return offlineCommand("explain")
    .description("Says what the webhook would do with the Jobs in manifests, and why.")
    .option("--json", "for machines: a list with one entry for each Job")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(paths: readonly string[], options: OfflineOptions & { json?: true }): Promise<void> {
  const prepared = await prepare(paths, options);
  if (prepared.kind === "unusable") {
    for (const problem of prepared.problems) console.error(`curfew: ${problem}`);
    process.exitCode = 2;
    return;
  }
  const scope = { all: options.all ?? false };
  const jobs = prepared.files.flatMap(manifestsOf).flatMap((each) => planManifest(each, prepared.planner, scope));
  const explanations = jobs.map((job) => ({ job, explanation: explain(job) }));
  if (options.json) {
    console.log(
      JSON.stringify(
        explanations.map(({ explanation }) => explanation),
        null,
        2,
      ),
    );
  } else {
    const width = Math.min(process.stdout.columns || MAX_WIDTH, MAX_WIDTH);
    const texts = explanations.map(({ job, explanation }) =>
      explanationText(explanation, diffManifest(job.manifest, job.patch), width),
    );
    process.stdout.write(texts.length > 0 ? texts.join("\n") : "There is no Job or CronJob in this.\n");
  }
  if (jobs.some(({ plan }) => plan.kind === "refuse")) process.exitCode = 1;
}
