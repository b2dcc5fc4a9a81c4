import { create } from "./api.ts";
import { job, politeSidecar, script } from "./manifests.ts";
import { until } from "./until.ts";

/**
 * Waits until the API server knows the webhook configuration and reaches the webhook, so that a
 * trial Job comes back patched.
 */
export async function untilPatched(seconds = 60): Promise<void> {
  const trial = job("trial", [script("main", "true"), politeSidecar()], { annotations: { "curfew.sh/main": "main" } });
  await until(
    "a labelled Job is patched",
    async () => {
      const { body } = await create("default", trial, "?dryRun=All");
      const annotations = (body as { metadata?: { annotations?: Record<string, string> } }).metadata?.annotations;
      return annotations?.["curfew.sh/injected"] !== undefined;
    },
    seconds,
  );
}
