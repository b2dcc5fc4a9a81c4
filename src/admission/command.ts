/** `curfew admission`: its help, its settings, and what it runs. */
import { Command } from "commander";
import { runWithSettings } from "../process/settings.ts";
import { runAdmission } from "./run.ts";
import { ADMISSION_SETTINGS } from "./settings.ts";

/** Makes the command `curfew admission`. */
export function admissionCommand(): Command {
  const command = new Command("admission").description(
    "Serves the mutating admission webhook: HTTPS for the API server, plain HTTP for probes and metrics.\n" +
      "The certificate files can appear later and change at any time.\nOn SIGTERM it drains, then exits with 0.",
  );
  return runWithSettings(command, ADMISSION_SETTINGS, runAdmission);
}
