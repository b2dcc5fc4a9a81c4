/** `curfew dispatch`: its help, its settings, and what it runs. */
import { Command, Option } from "commander";
import { printNotes, runWithSettings } from "../process/settings.ts";
import { checkSummary, printCheck } from "./check.ts";
import { runDispatch } from "./run.ts";
import { DISPATCH_SETTINGS, type DispatchSettings } from "./settings.ts";

/** Makes the command `curfew dispatch`. */
export function dispatchCommand(): Command {
  const command = new Command("dispatch")
    .description(
      "Turns Buildkite's job.scheduled webhooks into Jobs.\n" +
        "Plain HTTP: POST /webhooks/buildkite on the public port, probes and metrics on the other.\n" +
        "It finds the cluster by KUBECONFIG, ~/.kube/config or the Pod's service account, in this order.\n" +
        "On SIGTERM it drains, then exits with 0.",
    )
    .option("--check", "check the configuration, print the Job that each template makes, and exit", false)
    .option("--no-secrets", "with --check: don't read the secrets, which CI doesn't have")
    .addOption(new Option("-o, --output <format>", "with --check: output format").choices(["text", "json"]));
  const run = async (settings: DispatchSettings, options: DispatchOptions): Promise<void> => {
    if (!options.check) return runDispatch(settings);
    const { config } = settings;
    process.stdout.write(printCheck(config, { json: options.output === "json", secrets: options.secrets }));
    printNotes(command, [checkSummary(config, options)]);
  };
  return runWithSettings(
    command,
    DISPATCH_SETTINGS,
    (settings, options) => run(settings, options as unknown as DispatchOptions),
    (_, { check, secrets, output }) => [
      ...(secrets === false && check !== true
        ? ["--no-secrets needs --check: without secrets, nothing can be served"]
        : []),
      ...(output !== undefined && check !== true ? ["-o needs --check"] : []),
    ],
  );
}

/** Those that aren't settings. */
interface DispatchOptions {
  readonly check: boolean;
  readonly secrets: boolean;
  readonly output?: "text" | "json";
}
