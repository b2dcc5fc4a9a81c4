/** `curfew admission`: its settings, and the process from its start to its end. */
import { Command } from "commander";
import { addSettings, EXIT_BAD_CONFIG, parseSettings } from "../process/settings.ts";
import { loadKnownImages } from "../planner/settings.ts";
import { runAdmission } from "./run.ts";
import { ADMISSION_SETTINGS } from "./settings.ts";

export function admissionCommand(): Command {
  const command = new Command("admission").description(
    "Serves the mutating admission webhook: HTTPS for the API server, plain HTTP for probes and metrics.\n" +
      "The certificate's files may appear later and change at any time. SIGTERM drains, then exits with 0.",
  );
  return addSettings(command, ADMISSION_SETTINGS).action(async (given: Record<string, unknown>) => {
    const parsed = parseSettings(ADMISSION_SETTINGS, given);
    const path = given["knownImages"];
    const images = typeof path === "string" && path !== "" ? await loadKnownImages(path) : { rows: [] };
    const problems = [
      ...(parsed.kind === "invalid" ? parsed.problems : []),
      ...("problem" in images ? [`--known-images (CURFEW_KNOWN_IMAGES): ${images.problem}`] : []),
    ];
    if (parsed.kind === "invalid" || "problem" in images) {
      for (const problem of problems) console.error(`curfew admission: ${problem}`);
      process.exitCode = EXIT_BAD_CONFIG;
      return;
    }
    await runAdmission({ ...parsed.config, knownImages: images.rows });
  });
}
