/** `curfew dispatch`: its help, its settings, and what it runs. */
import { Command } from "commander";
import { stringify } from "yaml";
import { runWithSettings } from "../process/settings.ts";
import { describeJobs } from "./check.ts";
import { runDispatch } from "./run.ts";
import { DISPATCH_SETTINGS } from "./settings.ts";

/** Makes the command `curfew dispatch`. */
export function dispatchCommand(): Command {
  const command = new Command("dispatch")
    .description(
      "Turns Buildkite's job.scheduled webhooks into Jobs.\n" +
        "Plain HTTP: POST /webhooks/buildkite on the public port, probes and metrics on the other.\n" +
        "It finds the cluster by KUBECONFIG, ~/.kube/config or the Pod's service account, in this order.\n" +
        "On SIGTERM it drains, then exits with 0.",
    )
    .option("--check", "check the configuration, print the Job that each template makes, and exit", false);
  return runWithSettings(command, DISPATCH_SETTINGS, async (settings, { check }) => {
    if (check === true) {
      const documents = describeJobs(settings.config).map((job) => `---\n${stringify(job, { version: "1.1" })}`);
      process.stdout.write(documents.join(""));
    } else {
      await runDispatch(settings);
    }
  });
}
