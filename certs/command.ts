/** `curfew certs` and `curfew certs status`: their settings, and what they exit with. */
import { KubeConfig } from "@kubernetes/client-node";
import { Command } from "commander";
import { runWithSettings } from "../src/process/settings.ts";
import { runCerts } from "./run.ts";
import { CERTS_SETTINGS, checkDelays, NAMES_SETTINGS } from "./settings.ts";
import { showStatus } from "./show-status.ts";

export function certsCommand(): Command {
  const command = new Command("certs").description(
    "Issues the webhook's serving certificate, renews it, and writes the authorities to trust into the webhook configuration.\n" +
      "Needs the API server; two at once do no harm.",
  );
  runWithSettings(command, CERTS_SETTINGS, (settings) => runCerts(settings, loadKubeConfig()), checkDelays);
  const status = new Command("status").description(
    "Says which certificates there are, until when, and whether API server, Secret and serving Pods agree.\n" +
      "Exits with 1 if they don't. In a cluster: kubectl -n curfew-system exec deploy/curfew-certs -- curfew certs status",
  );
  runWithSettings(status, NAMES_SETTINGS, async (names) => {
    const { text, isHealthy } = await showStatus(names, loadKubeConfig());
    console.log(text);
    process.exitCode = isHealthy ? 0 : 1;
  });
  return command.addCommand(status);
}

/** What client-node takes if it finds nothing. */
const NOWHERE = "http://localhost:8080";

/** A person's kubeconfig, or the Pod's own credentials. */
function loadKubeConfig(): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const server = kubeConfig.getCurrentCluster()?.server;
  if (server === undefined || server === NOWHERE)
    throw new Error("found no kubeconfig: set KUBECONFIG, or run it in the cluster (curfew certs --help)");
  return kubeConfig;
}
