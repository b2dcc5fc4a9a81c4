/**
 * Agents without a kubelet. Each takes jobs from the fake Buildkite as buildkite-agent would, in a
 * Pod that's only a state. {@link simulateAgents} starts one for every Job of the small API server.
 */
import { setTimeout } from "node:timers/promises";
import type { ApiServer, JobObject } from "../api-server/api-server.ts";
import type { FakeBuildkite } from "./buildkite.ts";
import type { FakeJob } from "./jobs.ts";

export interface AgentsOptions {
  /** From the Pod's creation to its readiness. */
  readonly startMs: () => number;
  /** How long a build's job takes. */
  readonly runMs: () => number;
  /** `--disconnect-after-idle-timeout`, scaled. */
  readonly idleMs: number;
  /** Whether this Pod dies before its agent takes a job. */
  readonly dies?: () => boolean;
}

/** How many agents run, and how the others ended. */
export interface AgentCounts {
  running: number;
  ran: number;
  idle: number;
  refused: number;
  died: number;
  /** Its Job was deleted while it ran a build. */
  killed: number;
  deleted: number;
}

/** The Pod that an agent is in. */
export interface AgentPod {
  /** Without those that come from Secrets. */
  readonly env: ReadonlyMap<string, string>;
  /** The agent's token, from its Secret. Undefined as long as there's none. */
  readonly readToken: () => Promise<string | undefined>;
  /** Has the Pod's status say that its Secret isn't there. */
  readonly missToken: () => void | Promise<void>;
  readonly isGone: () => boolean;
  readonly becomeReady: () => void | Promise<void>;
  /** Ends it, with main's status 0 or another. */
  readonly end: (how: "Complete" | "Failed") => void | Promise<void>;
}

export interface Agents {
  readonly counts: AgentCounts;
  /** Starts an agent in this Pod. */
  readonly start: (pod: AgentPod) => void;
}

/** Kubelet's own is 10 to 15 seconds. */
const KUBELET_RETRY_MS = 20;

/** Makes agents that take jobs from `fake`. */
export function createAgents(fake: FakeBuildkite, options: AgentsOptions): Agents {
  const counts: AgentCounts = { running: 0, ran: 0, idle: 0, refused: 0, died: 0, killed: 0, deleted: 0 };

  async function live(pod: AgentPod): Promise<Exclude<keyof AgentCounts, "running">> {
    await setTimeout(options.startMs());
    if (pod.isGone()) return "deleted";
    if (options.dies?.() === true) {
      await pod.end("Failed");
      return "died";
    }
    const acquires = pod.env.get("BUILDKITE_AGENT_ACQUIRE_JOB");
    const token = acquires === undefined ? "" : await untilToken(pod);
    if (token === undefined) return "deleted";
    await pod.becomeReady();
    const taken = acquires === undefined ? await poll(pod) : acquire(acquires, token);
    if (!taken) {
      // A refused acquisition ends the agent with 27, an idle timeout with 0.
      await pod.end(acquires === undefined ? "Complete" : "Failed");
      return acquires === undefined ? "idle" : "refused";
    }
    fake.start(taken.id);
    await setTimeout(options.runMs());
    if (pod.isGone()) return "killed";
    fake.finish(taken.id, 0);
    await pod.end("Complete");
    return "ran";
  }

  /** Kubelet doesn't start a container before its Secret is there. Undefined: the Pod is gone. */
  async function untilToken(pod: AgentPod): Promise<string | undefined> {
    for (let looks = 1; !pod.isGone(); looks++) {
      const token = await pod.readToken();
      if (token !== undefined) return token;
      if (looks === 1) await pod.missToken();
      await setTimeout(KUBELET_RETRY_MS);
    }
    return undefined;
  }

  function acquire(id: string, token: string): FakeJob | undefined {
    const scope = fake.judgeToken(token);
    return scope.kind === "one" && scope.id === id ? fake.acquire(id) : undefined;
  }

  async function poll({ env, isGone }: AgentPod): Promise<FakeJob | undefined> {
    const tags = (env.get("BUILDKITE_AGENT_TAGS") ?? "").split(",");
    const deadline = performance.now() + options.idleMs;
    while (performance.now() < deadline && !isGone()) {
      const job = fake.dispatchTo(tags);
      if (job) return job;
      await setTimeout(options.idleMs / 80);
    }
    return undefined;
  }

  return {
    counts,
    start: (pod) => {
      counts.running++;
      void live(pod).then((end) => {
        counts.running--;
        counts[end]++;
      });
    },
  };
}

export interface SimulationOptions extends AgentsOptions {
  /** How long after a Job's end the TTL controller removes it. Default: never. */
  readonly ttlMs?: number;
}

/**
 * Starts an agent for every Job that's created, and sets the Job's status as the Job controller
 * would.
 */
export function simulateAgents(api: ApiServer, fake: FakeBuildkite, options: SimulationOptions): AgentCounts {
  const agents = createAgents(fake, options);
  const gone = new Set<string>();
  api.onDelete = (job) => void gone.add(job.metadata.uid ?? "");
  api.onCreate = (job) => {
    agents.start(podOf(job));
  };

  function podOf({ metadata, spec }: JobObject): AgentPod {
    const { namespace = "", name = "", uid = "", labels = {} } = metadata;
    const isGone = (): boolean => gone.has(uid);
    let hasMissed = false;
    const setAgent = (state: AgentState): void => {
      const pod = { name: `${name}-0`, namespace, labels: { ...labels, "batch.kubernetes.io/job-name": name } };
      const ownerReferences = [{ kind: "Job", name, uid }];
      if (!isGone())
        api.putPod({ metadata: { ...pod, ownerReferences }, status: { containerStatuses: [statusOf(state)] } });
    };
    api.setStatus(namespace, name, { active: 1, ready: 0 });
    return {
      env: envOf(spec.template.spec.containers),
      readToken: () => {
        const ref = tokenRefOf(spec.template.spec.containers);
        return Promise.resolve(valueOf(api.secret(namespace, ref?.name ?? "")?.data, ref));
      },
      missToken: () => {
        hasMissed = true;
        setAgent(lackOf(name));
      },
      isGone,
      becomeReady: () => {
        if (hasMissed) setAgent({ running: {} });
        api.setStatus(namespace, name, { ready: 1 });
      },
      end: (type) => {
        const conditions = [{ type, status: "True", lastTransitionTime: new Date().toISOString() }];
        api.setStatus(namespace, name, { active: 0, ready: 0, conditions });
        if (options.ttlMs === undefined) return;
        void setTimeout(options.ttlMs).then(() => {
          if (!isGone()) api.remove(namespace, name);
        });
      },
    };
  }

  return agents.counts;
}

export type AgentState =
  { readonly running: object } | { readonly waiting: { readonly reason: string; readonly message: string } };

/** What kubelet says if the Secret that's named after a Job isn't there. */
export function lackOf(jobName: string): AgentState {
  return { waiting: { reason: "CreateContainerConfigError", message: `secret "${jobName}" not found` } };
}

/** The status of the agent's container. */
export function statusOf(state: AgentState): object {
  return { name: "agent", image: "agent", imageID: "", ready: "running" in state, restartCount: 0, state };
}

export interface ContainerEnv {
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
}

/** All of the containers' variables together, without those that come from Secrets. */
export function envOf(containers: readonly ContainerEnv[]): Map<string, string> {
  return new Map(containers.flatMap(({ env }) => env ?? []).map(({ name, value }) => [name, value ?? ""]));
}

export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}

/** Where the agent's token is. */
export function tokenRefOf(containers: readonly ContainerEnv[]): SecretKeyRef | undefined {
  const token = containers.flatMap(({ env }) => env ?? []).find(({ name }) => name === "BUILDKITE_AGENT_TOKEN");
  return (token?.valueFrom as { secretKeyRef?: SecretKeyRef } | undefined)?.secretKeyRef;
}

/** A value of a Secret, decoded. Undefined if there's none. */
export function valueOf(
  data: Readonly<Record<string, string>> | undefined,
  ref: SecretKeyRef | undefined,
): string | undefined {
  const value = ref && data?.[ref.key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString();
}
