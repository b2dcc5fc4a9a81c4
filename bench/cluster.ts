/**
 * On a real cluster: from main's exit to the sidecar's, and what the webhook adds to creating a
 * Job.
 */
import { request } from "../test/cluster/support/api.ts";
import { benchInCluster, clusterMissing, CONTAINERD_SOCKET } from "./lib/in-cluster.ts";
import { BARE_LABEL, measureJobCreation } from "./lib/job-creation.ts";
import { createNamespace } from "./lib/namespace.ts";
import type { Bench } from "./lib/result.ts";
import { reviewWithJobOf } from "./lib/review.ts";
import { withReviewServers } from "./lib/review-servers.ts";
import { measureSidecarEnds } from "./lib/sidecar-ends.ts";
import { registerWebhook } from "./lib/webhook-entry.ts";

export const cluster: Bench = {
  summary: "on a real cluster: main's exit to the sidecar's, and what the webhook adds to creating a Job",
  async run(options) {
    const socket = process.env[CONTAINERD_SOCKET];
    const kubeconfig = process.env["KUBECONFIG"];
    if (socket === undefined || kubeconfig === undefined) {
      const missing = options.short ? "only in full runs" : clusterMissing();
      return missing === undefined
        ? benchInCluster("node", "cluster", options)
        : [{ what: "main's exit to the sidecar's, a Job's creation", skipped: missing }];
    }
    const { short, note } = options;
    const namespace = `bench-${process.pid}`;
    await createNamespace(namespace);
    const undo: (() => Promise<unknown>)[] = [() => request("DELETE", `/api/v1/namespaces/${namespace}`)];
    try {
      return await withReviewServers(async ({ ca, startCurfew, startBare, answerTo }) => {
        const curfew = await startCurfew();
        const bare = await startBare(await answerTo(curfew, reviewWithJobOf(4096)));
        undo.push(
          await registerWebhook("curfew-bench", "curfew.sh/enabled", { port: curfew.port, ca }),
          await registerWebhook("bare-bench", BARE_LABEL, { port: bare.port, ca }),
        );
        const creation = await measureJobCreation(
          namespace,
          kubeconfig,
          short ? { rounds: 2, jobs: 50 } : { rounds: 9, jobs: 400 },
        );
        return [...(await measureSidecarEnds(namespace, socket, { rounds: short ? 2 : 15, note })), ...creation];
      });
    } finally {
      for (const step of undo) await step();
    }
  },
};
