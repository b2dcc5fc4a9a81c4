import { Option, type Command } from "commander";
import { EXIT_USAGE, printNotes } from "../process/settings.ts";
import { injectSummary, injectSummaryJson } from "./inject-summary.ts";
import { inject, type OutputFormat } from "./inject.ts";
import { manifestsOf } from "./manifests.ts";
import { nothingFound } from "./nothing-found.ts";
import { offlineCommand, prepare, type OfflineOptions } from "./offline-command.ts";
import type { PlannedJob } from "./plan-manifests.ts";
import { untouched } from "./untouched.ts";

const HELP = `
Only what Curfew adds changes; the rest stays as it is, comments included.
Several files become one stream of documents.

Without --output, each file keeps its format. With json, several documents
become a List. With patch, you get the JSON Patch for each Job's manifest.

Standard error says what was done, and where the label goes on objects of other
kinds, which stay as they are. If a Job or Pod is refused, it says which one and
why, nothing is written to standard output, and the exit code is 1.

Examples:
  curfew inject -f job.yaml | kubectl apply -f -
  curfew inject -k overlay | kubectl diff -f -
  curfew inject --output patch job.yaml`;

/** `curfew inject`. Its exit code is 1 if a Job or Pod is refused, and 2 if the input can't be read. */
export function injectCommand(): Command {
  return offlineCommand("inject")
    .description("Prints manifests with every Job, CronJob and Pod that opts in patched, as the webhook would.")
    .addOption(new Option("-o, --output <format>", "output format").choices(["yaml", "json", "patch"]))
    .addOption(new Option("--summary <format>", "what standard error gets").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action(run);
}

interface InjectCommandOptions extends OfflineOptions {
  readonly output?: OutputFormat;
  readonly summary: "text" | "json";
}

async function run(paths: readonly string[], options: InjectCommandOptions, command: Command): Promise<void> {
  const prepared = await prepare(paths, options, command);
  const report = (jobs: readonly PlannedJob[], lines: readonly string[]): void => {
    if (options.summary === "json") console.error(injectSummaryJson(jobs, lines));
    else printNotes(command, lines);
  };
  if (prepared.kind === "unusable") {
    report([], prepared.problems);
    process.exitCode = EXIT_USAGE;
    return;
  }
  const { all = false, failOnEmpty = false, output: format } = options;
  const result = inject(prepared.files, prepared.planner, { all, ...(format ? { format } : {}) });
  const isEmpty = result.jobs.length === 0;
  const refusals = result.kind === "refused" ? result.refusals : [];
  const summary = isEmpty
    ? nothingFound(prepared.files)
    : [injectSummary(result.jobs), ...untouched(prepared.files.flatMap(manifestsOf))];
  report(result.jobs, [...result.notes, ...refusals, ...summary]);
  if (result.kind === "refused" || (isEmpty && failOnEmpty)) process.exitCode = 1;
  else process.stdout.write(result.output);
}
