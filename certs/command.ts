/** `curfew certs` and `curfew certs status`: their settings, and what they exit with. */
import { KubeConfig } from "@kubernetes/client-node";
import { Command } from "commander";
import { addSettings, EXIT_BAD_CONFIG, parseSettings, type ConfigOf, type Settings } from "../src/process/settings.ts";
import { runCerts } from "./run.ts";
import { CERTS_SETTINGS, checkDelays, NAMES_SETTINGS } from "./settings.ts";
import { showStatus } from "./status.ts";

export function certsCommand(): Command {
  const command = new Command("certs").description(
    "Issues the webhook's serving certificate, renews it, and writes the authorities to trust into the webhook configuration.\n" +
      "Needs the API server; two at once do no harm.",
  );
  addSettings(command, CERTS_SETTINGS).action(
    withSettings("curfew certs", CERTS_SETTINGS, (config) => runCerts(config, loadKubeConfig()), checkDelays),
  );
  const status = new Command("status").description(
    "Says which certificates there are, until when, and whether API server, Secret and serving Pods agree.\n" +
      "Exits with 1 where they do not. In a cluster: kubectl -n curfew-system exec deploy/curfew-certs -- curfew certs status",
  );
  addSettings(status, NAMES_SETTINGS).action(
    withSettings("curfew certs status", NAMES_SETTINGS, async (names) => {
      const { text, isHealthy } = await showStatus(names, loadKubeConfig());
      console.log(text);
      process.exitCode = isHealthy ? 0 : 1;
    }),
  );
  return command.addCommand(status);
}

/** What client-node takes where it finds nothing. */
const NOWHERE = "http://localhost:8080";

/** A person's kubeconfig, or the Pod's own credentials. */
function loadKubeConfig(): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  if (kubeConfig.getCurrentCluster()?.server === NOWHERE)
    throw new Error("no API server is known here: set KUBECONFIG, or run it in the cluster (curfew certs --help)");
  return kubeConfig;
}

function withSettings<S extends Settings>(
  name: string,
  settings: S,
  run: (config: ConfigOf<S>) => Promise<void>,
  check: (config: ConfigOf<S>) => readonly string[] = () => [],
): (given: Record<string, unknown>, command: Command) => Promise<void> {
  return async (_, command) => {
    const parsed = parseSettings(settings, command.optsWithGlobals());
    const problems = parsed.kind === "invalid" ? parsed.problems : check(parsed.config);
    for (const problem of problems) console.error(`${name}: ${problem}`);
    if (parsed.kind === "config" && problems.length === 0) await run(parsed.config);
    else process.exitCode = EXIT_BAD_CONFIG;
  };
}
