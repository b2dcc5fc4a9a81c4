/** `curfew check`: its flags, and what it exits with. */
import { Command, Option } from "commander";
import { reportUsage } from "../../process/settings.ts";
import { findVersion } from "../../process/version.ts";
import { addClusterOptions, openCluster, type ClusterOptions } from "../options.ts";
import { checkCluster } from "./check.ts";
import { count } from "./finding.ts";
import { reportJson } from "./report-json.ts";
import { reportText } from "./report-text.ts";

const HELP = `
It changes nothing: it reads, and creates Jobs and Pods only as dry runs.

✔ is good, ‼ may be fine, and ✖ needs fixing. If something isn't good, the next
lines say what to do, and where to read about it. Checks that you lack the
permissions for are skipped.

The exit code is 1 if there's a ✖, and 2 if the cluster can't be queried.

Examples:
  curfew check --pre
  curfew check
  curfew check -o json | jq -r .result`;

/** Columns. */
const MAX_WIDTH = 100;
/** If answers are slow, the check ends after this with what it has. */
const TOTAL_MS = 4_500;

interface CheckOptions extends ClusterOptions {
  readonly pre?: boolean;
  readonly output: "text" | "json";
  readonly namespace: string;
  readonly webhookConfiguration: string;
  readonly tryIn?: string;
}

export function checkCommand(): Command {
  const command = new Command("check").description(
    "Says whether Curfew works in a cluster or, with --pre, whether it would if you installed it.",
  );
  return addClusterOptions(command)
    .option("--pre", "check a cluster before you install Curfew")
    .option("-n, --namespace <name>", "the namespace that Curfew runs in, or will run in", "curfew-system")
    .option(
      "--webhook-configuration <names>",
      "Curfew's MutatingWebhookConfigurations, separated by commas",
      "curfew,zz-curfew",
    )
    .option(
      "--try-in <namespace>",
      "the namespace for dry runs (default: the one named default, or another if that's excluded)",
    )
    .addOption(new Option("-o, --output <format>", "output format").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action(run);
}

async function run(options: CheckOptions, command: Command): Promise<void> {
  const hasOwnTimeout = command.getOptionValueSource("requestTimeout") !== "default";
  const began = Date.now();
  const { kubeconfig, context, requestTimeout } = options;
  const opened = await openCluster({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
    requestTimeout: hasOwnTimeout ? (requestTimeout ?? "30s") : `${TOTAL_MS}ms`,
  });
  if ("problem" in opened) {
    reportUsage(command, [opened.problem]);
    return;
  }
  const { client, version, timeoutMs } = opened.cluster;
  const timeLeft = (): number => (hasOwnTimeout ? timeoutMs : Math.max(1, began + TOTAL_MS - Date.now()));
  const pre = options.pre ?? false;
  const { version: programVersion } = findVersion();
  const configurations = options.webhookConfiguration.split(",").map((name) => name.trim());
  const groups = await checkCluster(client, {
    ...{ pre, version, timeLeft, names: { namespace: options.namespace, configurations } },
    ...{ now: new Date(), programVersion, tryIn: options.tryIn },
  });
  const width = Math.min(process.stdout.columns || MAX_WIDTH, MAX_WIDTH);
  const text =
    options.output === "json" ? `${reportJson(groups, { pre, version: programVersion })}\n` : reportText(groups, width);
  process.stdout.write(text);
  process.exitCode = count(groups, "bad") > 0 ? 1 : 0;
}
