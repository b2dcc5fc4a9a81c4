/** `curfew admission`: its settings, and the process from its start to its end. */
import { Command } from "commander";
import { runWithSettings } from "../process/settings.ts";
import { runAdmission } from "./run.ts";
import { ADMISSION_SETTINGS } from "./settings.ts";

export function admissionCommand(): Command {
  const command = new Command("admission").description(
    "Serves the mutating admission webhook: HTTPS for the API server, plain HTTP for probes and metrics.\n" +
      "The certificate's files may appear later and change at any time. SIGTERM drains, then exits with 0.",
  );
  return runWithSettings(command, ADMISSION_SETTINGS, runAdmission);
}
