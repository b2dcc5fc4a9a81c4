/**
 * Pods without a kubelet: every Job of the small API server gets an agent, simulated, which takes jobs from the fake Buildkite as
 * buildkite-agent would, and moves the Job's status as the Job controller would.
 */
import { setTimeout } from "node:timers/promises";
import type { ApiServer, JobObject } from "./api-server.ts";
import type { FakeBuildkite, FakeJob } from "./fake-buildkite.ts";

export interface AgentsOptions {
  /** From the Job's creation to its Pod's readiness. */
  readonly startMs: () => number;
  /** How long a build's job takes. */
  readonly runMs: () => number;
  /** `--disconnect-after-idle-timeout`, scaled. */
  readonly idleMs: number;
  /** True: this Pod dies before its agent took a job. */
  readonly dies?: (job: JobObject) => boolean;
  /** After a Job's end: when the TTL controller removes it. Default: never. */
  readonly ttlMs?: number;
}

/** What became of the agents: none is there any more in `idle`, `ran`, `refused`, `died`, `deleted`. */
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

export function simulateAgents(api: ApiServer, fake: FakeBuildkite, options: AgentsOptions): AgentCounts {
  const counts: AgentCounts = { running: 0, ran: 0, idle: 0, refused: 0, died: 0, killed: 0, deleted: 0 };
  const gone = new Set<string>();
  api.onDelete = (job) => void gone.add(job.metadata.uid ?? "");
  api.onCreate = (job) => {
    counts.running++;
    void live(job).then((end) => {
      counts.running--;
      counts[end]++;
    });
  };

  async function live(job: JobObject): Promise<Exclude<keyof AgentCounts, "running">> {
    const { namespace = "", name = "", uid = "" } = job.metadata;
    const isGone = (): boolean => gone.has(uid);
    const env = new Map(
      job.spec.template.spec.containers.flatMap((one) => one.env ?? []).map((one) => [one.name, one.value ?? ""]),
    );
    const end = (type: "Complete" | "Failed"): void => {
      const lastTransitionTime = new Date().toISOString();
      api.setStatus(namespace, name, {
        active: 0,
        ready: 0,
        conditions: [{ type, status: "True", lastTransitionTime }],
      });
      if (options.ttlMs !== undefined)
        void setTimeout(options.ttlMs).then(() => {
          if (!isGone()) api.remove(namespace, name);
        });
    };
    api.setStatus(namespace, name, { active: 1, ready: 0 });
    await setTimeout(options.startMs());
    if (isGone()) return "deleted";
    if (options.dies?.(job) === true) {
      end("Failed");
      return "died";
    }
    api.setStatus(namespace, name, { ready: 1 });
    const acquires = env.get("BUILDKITE_AGENT_ACQUIRE_JOB");
    const taken =
      acquires === undefined ? await poll(env, isGone) : acquire(acquires, env.get("BUILDKITE_AGENT_TOKEN") ?? "");
    if (!taken) {
      // A refused acquisition ends the agent with 27, an idle timeout with 0.
      end(acquires === undefined ? "Complete" : "Failed");
      return acquires === undefined ? "idle" : "refused";
    }
    fake.start(taken.id);
    await setTimeout(options.runMs());
    if (isGone()) return "killed";
    fake.finish(taken.id, 0);
    end("Complete");
    return "ran";
  }

  function acquire(id: string, token: string): FakeJob | undefined {
    const scope = fake.judgeToken(token);
    return scope.kind === "one" && scope.id === id ? fake.acquire(id) : undefined;
  }

  async function poll(env: ReadonlyMap<string, string>, isGone: () => boolean): Promise<FakeJob | undefined> {
    const tags = (env.get("BUILDKITE_AGENT_TAGS") ?? "").split(",");
    const deadline = performance.now() + options.idleMs;
    while (performance.now() < deadline && !isGone()) {
      const job = fake.dispatchTo(tags);
      if (job) return job;
      await setTimeout(5);
    }
    return undefined;
  }

  return counts;
}
