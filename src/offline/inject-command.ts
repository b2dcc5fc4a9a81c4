import { Option, type Command } from "commander";
import { inject, type OutputFormat } from "./inject.ts";
import { offlineCommand, prepare, type OfflineOptions } from "./planner-options.ts";

const HELP = `
Everything but what Curfew adds stays as it is, comments too. Several files
become one stream of documents.

Without --output each file keeps its form. json makes a List of several
documents; patch prints, for each Job, the JSON Patch for its manifest.

Where a Job is refused, standard error says which and why, nothing is written
to standard output, and the exit code is 1.

Examples:
  curfew inject -f job.yaml | kubectl apply -f -
  kubectl kustomize overlay | curfew inject | kubectl diff -f -
  curfew inject --output patch job.yaml`;

export function injectCommand(): Command {
  return offlineCommand("inject")
    .description("Writes manifests back with every opted-in Job and CronJob patched, as the webhook would patch it.")
    .addOption(new Option("-o, --output <format>", "form of the output").choices(["yaml", "json", "patch"]))
    .addHelpText("after", HELP)
    .action(run);
}

async function run(paths: readonly string[], options: OfflineOptions & { output?: OutputFormat }): Promise<void> {
  const prepared = await prepare(paths, options);
  if (prepared.kind === "unusable") {
    for (const problem of prepared.problems) console.error(`curfew: ${problem}`);
    process.exitCode = 2;
    return;
  }
  const { all = false, output: format } = options;
  const result = inject(prepared.files, prepared.planner, { all, ...(format ? { format } : {}) });
  for (const note of result.notes) console.error(`curfew: ${note}`);
  if (result.kind === "injected") {
    process.stdout.write(result.output);
    return;
  }
  for (const refusal of result.refusals) console.error(`curfew: ${refusal}`);
  process.exitCode = 1;
}
