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
      "Turns Buildkite's job.scheduled webhooks into Jobs. The public port takes POST /webhooks/buildkite, the other one has probes\n" +
        "and metrics, both in plain HTTP. Looks for the cluster in KUBECONFIG, ~/.kube/config and the Pod's service account, in this\n" +
        "order. On SIGTERM it drains, then exits with 0.",
    )
    .option("--check", "check the configuration, print the Job that each template makes, and exit", false);
  return runWithSettings(command, DISPATCH_SETTINGS, async (settings, { check }) => {
    if (check === true) {
      const documents = describeJobs(settings.config).map((job) => `---\n${stringify(job)}`);
      process.stdout.write(documents.join(""));
    } else {
      await runDispatch(settings);
    }
  });
}
