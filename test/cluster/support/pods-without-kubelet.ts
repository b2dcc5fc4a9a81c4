/**
 * Agents for the API tier, which has no kubelet: one for every Pod that the real Job controller
 * creates. They set the Pod's status as kubelet would. What that means for the Job is up to the Job
 * controller.
 */
import {
  envOf,
  lackOf,
  statusOf,
  tokenRefOf,
  valueOf,
  type AgentPod,
  type Agents,
  type AgentState,
  type ContainerEnv,
} from "../../../sim/buildkite/agents.ts";
import { pathOf, request } from "./api.ts";
import type { Pod } from "./jobs.ts";
import { watch } from "./watch.ts";

/** Starts an agent in each Pod of `namespace`, until `signal` aborts. */
export async function playKubelet(namespace: string, agents: Agents, signal: AbortSignal): Promise<void> {
  const gone = new Set<string>();
  const seen = new Set<string>();
  for await (const { type, object: pod } of watch<Pod>(pathOf("Pod", namespace), signal)) {
    const { uid, deletionTimestamp } = pod.metadata;
    if (type === "DELETED" || deletionTimestamp !== undefined) gone.add(uid);
    if (seen.has(uid)) continue;
    seen.add(uid);
    agents.start(toAgentPod(namespace, pod, () => gone.has(uid)));
  }
}

interface Secret {
  readonly data?: Readonly<Record<string, string>>;
}

function toAgentPod(namespace: string, { metadata, spec }: Pod, isGone: () => boolean): AgentPod {
  const containers = spec.containers as readonly ContainerEnv[];
  const setStatus = async (phase: string, ready: "True" | "False", agent?: AgentState): Promise<void> => {
    const containerStatuses = agent && [statusOf(agent)];
    const status = { phase, conditions: [{ type: "Ready", status: ready }], containerStatuses };
    const path = `${pathOf("Pod", namespace, metadata.name)}/status`;
    const { status: code, body } = await request("PATCH", path, { status }, "application/merge-patch+json");
    // It can be deleted at any time.
    if (code !== 200 && code !== 404)
      throw new Error(`cannot set the status of ${metadata.name}: ${body.message ?? ""}`);
  };
  return {
    env: envOf(containers),
    async readToken() {
      const ref = tokenRefOf(containers);
      const { body } = await request<Secret>("GET", pathOf("Secret", namespace, ref?.name));
      return valueOf(body.data, ref);
    },
    missToken: () => setStatus("Pending", "False", lackOf(metadata.labels?.["batch.kubernetes.io/job-name"] ?? "")),
    isGone,
    becomeReady: () => setStatus("Running", "True", { running: {} }),
    end: (how) => setStatus(how === "Complete" ? "Succeeded" : "Failed", "False"),
  };
}
