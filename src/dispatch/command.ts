/** `curfew dispatch`: its settings and its configuration file, the check of both, and the process from its start to its end. */
import { Command } from "commander";
import { stringify } from "yaml";
import { runWithSettings } from "../process/settings.ts";
import { describeJobs } from "./check.ts";
import { runDispatch } from "./run.ts";
import { DISPATCH_SETTINGS } from "./settings.ts";

export function dispatchCommand(): Command {
  const command = new Command("dispatch")
    .description(
      "Turns Buildkite's job.scheduled webhooks into Jobs: POST /webhooks/buildkite on the public port, plain HTTP for probes and\n" +
        "metrics on the other. Reaches Kubernetes by KUBECONFIG, ~/.kube/config or the Pod's service account, in this order.\n" +
        "SIGTERM drains, then exits with 0.",
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
