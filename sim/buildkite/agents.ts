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
  readonly env: ReadonlyMap<string, string>;
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
    await pod.becomeReady();
    const acquires = pod.env.get("BUILDKITE_AGENT_ACQUIRE_JOB");
    const taken = acquires === undefined ? await poll(pod) : acquire(acquires, pod);
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

  function acquire(id: string, { env }: AgentPod): FakeJob | undefined {
    const scope = fake.judgeToken(env.get("BUILDKITE_AGENT_TOKEN") ?? "");
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
    const { namespace = "", name = "", uid = "" } = metadata;
    const isGone = (): boolean => gone.has(uid);
    api.setStatus(namespace, name, { active: 1, ready: 0 });
    return {
      env: envOf(spec.template.spec.containers),
      isGone,
      becomeReady: () => void api.setStatus(namespace, name, { ready: 1 }),
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

interface ContainerEnv {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** All of the containers' variables together. */
export function envOf(containers: readonly ContainerEnv[]): Map<string, string> {
  return new Map(containers.flatMap(({ env }) => env ?? []).map(({ name, value }) => [name, value ?? ""]));
}
