/** `curfew dispatch`: its settings and its configuration file, the check of both, and the process from its start to its end. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { stringify } from "yaml";
import { addSettings, EXIT_BAD_CONFIG, parseSettings } from "../process/settings.ts";
import { describeJobs } from "./check.ts";
import { parseConfig } from "./config/parse-config.ts";
import { runDispatch } from "./run.ts";
import { DISPATCH_SETTINGS } from "./settings.ts";
import { messageOf } from "../process/errors.ts";

export function dispatchCommand(): Command {
  const command = new Command("dispatch")
    .description(
      "Turns Buildkite's job.scheduled webhooks into Jobs: POST /webhooks/buildkite on the public port, plain HTTP for probes and\n" +
        "metrics on the other. Reaches Kubernetes by KUBECONFIG, ~/.kube/config or the Pod's service account, in this order.\n" +
        "SIGTERM drains, then exits with 0.",
    )
    .option("--check", "check the configuration, print the Job that each template makes, and exit", false);
  return addSettings(command, DISPATCH_SETTINGS).action(async (given: Record<string, unknown>) => {
    const settings = parseSettings(DISPATCH_SETTINGS, given);
    const problems = settings.kind === "invalid" ? [...settings.problems] : [];
    const path = given["config"];
    const file = typeof path === "string" && path !== "" ? loadConfig(path) : undefined;
    if (file?.kind === "invalid") problems.push(...file.problems.map((problem) => `${String(path)}: ${problem}`));
    if (settings.kind === "invalid" || file?.kind !== "config") {
      for (const problem of problems) console.error(`curfew dispatch: ${problem}`);
      process.exitCode = EXIT_BAD_CONFIG;
      return;
    }
    if (given["check"] === true) {
      process.stdout.write(
        describeJobs(file.config)
          .map((job) => `---\n${stringify(job)}`)
          .join(""),
      );
      return;
    }
    await runDispatch(settings.config, file.config);
  });
}

function loadConfig(path: string): ReturnType<typeof parseConfig> {
  try {
    const outside = { env: process.env, readFile: (file: string) => readFileSync(file, "utf8") };
    return parseConfig(outside.readFile(path), outside);
  } catch (error) {
    return { kind: "invalid", problems: [messageOf(error)] };
  }
}
