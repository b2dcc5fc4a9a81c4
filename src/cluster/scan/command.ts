/** `curfew scan`: its flags, and what it exits with. */
import { Command, Option } from "commander";
import { createPlanner } from "../../planner/planner.ts";
import { PLANNER_SETTINGS } from "../../planner/settings.ts";
import { OutsideError } from "../../process/errors.ts";
import { reportUsage, runWithSettings, type SettingsOf } from "../../process/settings.ts";
import { addClusterOptions, addNamespaceOptions, openCluster, type Cluster, type ClusterOptions } from "../options.ts";
import type { NamespaceOptions } from "../options.ts";
import { Collector } from "./collector.ts";
import { gather } from "./gather.ts";
import { makeReport, type Report } from "./report.ts";
import { reportText } from "./text.ts";

const HELP = `
It changes nothing, and works without Curfew in the cluster. It needs permission
only to list Jobs, CronJobs and Pods. With -A, it skips what you aren't allowed
to list in a namespace, and names it.

The exit code is 2 if the cluster can't be queried. With --fail, it's 1 if a Pod
hangs, or if a Job or CronJob needs the label, an annotation or another change.

Examples:
  curfew scan -A
  curfew scan -n ci -o json | jq '.hanging[].pod'`;

interface ScanOptions extends ClusterOptions, NamespaceOptions {
  readonly output: "text" | "json";
  readonly fail?: boolean;
}

export function scanCommand(): Command {
  const command = new Command("scan")
    .description("Finds Jobs that hang because of their sidecars, and says what Curfew would do with each Job.")
    .addHelpText("after", HELP);
  addNamespaceOptions(command)
    .addOption(new Option("-o, --output <format>", "output format").choices(["text", "json"]).default("text"))
    .option("--fail", "exit with 1 if a Pod hangs, or if a Job or CronJob needs the label or a change");
  addClusterOptions(command);
  return runWithSettings(command, PLANNER_SETTINGS, (settings, options) =>
    run(settings, options as unknown as ScanOptions, command),
  );
}

async function run(
  settings: SettingsOf<typeof PLANNER_SETTINGS>,
  options: ScanOptions,
  command: Command,
): Promise<void> {
  const opened = await openCluster(options);
  if ("problem" in opened) {
    reportUsage(command, [opened.problem]);
    return;
  }
  try {
    const report = await scan(opened.cluster, settings);
    console.log(
      options.output === "json" ? JSON.stringify(report, null, 2) : reportText(report, terminalWidth()).trimEnd(),
    );
    if (options.fail && needsAttention(report)) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    reportUsage(command, [`${opened.cluster.where}: ${error.message}`]);
  }
}

async function scan(cluster: Cluster, settings: SettingsOf<typeof PLANNER_SETTINGS>): Promise<Report> {
  const collector = new Collector(createPlanner(settings));
  const skipped = await gather(cluster, collector);
  return makeReport(collector, { cluster: cluster.where, namespace: cluster.namespace, skipped });
}

/** Longer lines are hard to read, even on a wide terminal. */
const MAX_WIDTH = 120;

function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? Math.min(process.stdout.columns || MAX_WIDTH, MAX_WIDTH) : undefined;
}

function needsAttention({ totals }: Report): boolean {
  return totals.hanging.pods > 0 || totals.needWork > 0;
}
