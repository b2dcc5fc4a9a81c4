/**
 * The demo's cluster: a small API server, and the real admission server, which it calls over TLS.
 */
import { createAdmissionMetrics } from "../src/admission/metrics.ts";
import { createPlanner } from "../src/planner/planner.ts";
import { startAdmissionServer } from "../src/admission/server.ts";
import { ENABLED_KEY } from "../src/injection/names.ts";
import { createLogger } from "../src/process/log.ts";
import { createRegistry } from "../src/process/metrics.ts";
import { startApiServer, type JobObject } from "../sim/api-server/api-server.ts";
import { createTestAuthority } from "../sim/api-server/authority.ts";

export interface Cluster {
  /**
   * Creates a Job, as kubectl does. Resolves with the Job as it's stored, after the webhooks.
   * @throws if the API server refuses it
   */
  readonly create: (job: JobObject) => Promise<JobObject>;
  /** For clients of its API server. */
  readonly kubeconfig: string;
  /** All Jobs as they're stored. */
  readonly jobs: () => readonly JobObject[];
  readonly close: () => Promise<void>;
}

/** Starts both servers on free ports of 127.0.0.1. Call `close` to stop them. */
export async function startCluster(): Promise<Cluster> {
  const authority = createTestAuthority();
  const admission = await startAdmissionServer({
    host: "127.0.0.1",
    port: 0,
    planner: createPlanner({}),
    metrics: createAdmissionMetrics(createRegistry()),
    log: createLogger("admission", "silent"),
  });
  admission.setCertificate(authority.issue());
  const webhook = {
    name: "jobs.curfew.sh",
    url: `https://127.0.0.1:${admission.port}/mutate`,
    caBundle: authority.ca,
    matchLabels: { [ENABLED_KEY]: "true" },
  };
  const api = await startApiServer({ webhooks: [webhook] });
  return {
    kubeconfig: api.kubeconfig,
    jobs: () => api.jobs(),
    async create(job) {
      const url = `${api.url}/apis/batch/v1/namespaces/${job.metadata.namespace ?? "default"}/jobs`;
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(job) });
      const body = (await response.json()) as JobObject & { readonly message?: string };
      if (!response.ok) throw new Error(`the API server answered ${response.status}: ${String(body.message)}`);
      return body;
    },
    async close() {
      await api.close();
      admission.close();
    },
  };
}
