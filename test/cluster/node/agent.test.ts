/**
 * The real buildkite-agent beside the real dockerd, as in 2020 but without the hack, against a fake
 * of Buildkite's agent API.
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { logOf } from "../../../sim/buildkite/jobs.ts";
import { endOf, logsOf, runJob, type EndedJob } from "../support/jobs.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { dind, dockerVolume, job } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { reachableBuildkite } from "../support/reachable-buildkite.ts";

const namespace = testNamespace("agent");
const buildkite = reachableBuildkite();

/** Before that, TERM would end dockerd without a shutdown. */
const UNTIL_DOCKERD = "until docker version >/dev/null 2>&1; do sleep 0.1; done";

/**
 * A Job with an agent and a Docker daemon. The agent takes one job of `queue`, or leaves after five
 * seconds without one. `more` has further fields of the agent.
 */
function agentJob(queue: string, strategy: string, more: object = {}) {
  const variables = {
    BUILDKITE_AGENT_TOKEN: buildkite.agentToken,
    BUILDKITE_AGENT_ENDPOINT: buildkite.endpoint,
    BUILDKITE_AGENT_TAGS: `queue=${queue}`,
    DOCKER_HOST: "tcp://127.0.0.1:2375",
  };
  const agent = {
    name: "agent",
    image: "buildkite/agent:3",
    args: ["start", "--disconnect-after-job", "--disconnect-after-idle-timeout=5"],
    env: Object.entries(variables).map(([name, value]) => ({ name, value })),
    ...more,
  };
  const annotations = { "curfew.sh/strategy": strategy };
  return job(queue, [agent, dind()], { annotations, pod: { volumes: [dockerVolume] } });
}

/** Checks that agent and daemon ended by themselves, whatever the agent's build did. */
async function expectCleanEnd({ outcome, pod }: EndedJob): Promise<void> {
  expect(outcome).toBe("Complete");
  expect({ agent: endOf(pod, "agent").exitCode, dind: endOf(pod, "dind").exitCode }).toEqual({ agent: 0, dind: 0 });
  expect(await logsOf(namespace, pod, "dind")).toContain("Daemon shutdown complete");
}

interface Example {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly ExampleContainer[] } } };
}
interface ExampleContainer {
  readonly name: string;
  env?: readonly object[];
}

/**
 * examples/buildkite-agent.yaml, changed only in where its agent finds Buildkite and which queue it
 * serves.
 */
function exampleJob(queue: string): Example {
  const file = new URL("../../../examples/buildkite-agent.yaml", import.meta.url);
  const example = parse(readFileSync(file, "utf8")) as Example;
  const agent = example.spec.template.spec.containers.find(({ name }) => name === "agent");
  if (agent === undefined) throw new Error("the example has no container named agent");
  agent.env = [
    ...(agent.env ?? []),
    { name: "BUILDKITE_AGENT_ENDPOINT", value: buildkite.endpoint },
    { name: "BUILDKITE_AGENT_TAGS", value: `queue=${queue}` },
  ];
  return { ...example, metadata: Object.assign(example.metadata, { namespace }) };
}

describe.concurrent("the example", () => {
  beforeAll(() => {
    const token = `--from-literal=token=${buildkite.agentToken}`;
    return kubectlOutput(["create", "secret", "generic", "buildkite-agent", "-n", namespace, token]);
  });

  it("gives its job a Docker daemon that's up from the start, and its agent doesn't warn about tini", async () => {
    const build = buildkite.schedule({
      queue: "example",
      command: "docker version --format 'dockerd {{.Server.Version}}'",
    });
    const ended = await runJob(namespace, exampleJob("example"));
    await expectCleanEnd(ended);
    expect(build).toMatchObject({ state: "finished", exitStatus: 0, runs: 1 });
    expect(logOf(build)).toMatch(/^dockerd \d+\.\d+/m);
    expect(await logsOf(namespace, ended.pod, "agent")).not.toContain("Tini is not running as PID 1");
  });
});

describe.concurrent.for(["trap", "native"])("under %s, a Buildkite agent with a Docker daemon", (strategy) => {
  it("runs a job that talks to the daemon and reports its output and exit code 0, and the Job completes", async () => {
    const queue = `green-${strategy}`;
    const command = `${UNTIL_DOCKERD}; docker version --format 'dockerd {{.Server.Version}}'`;
    const build = buildkite.schedule({ queue, command });
    const ended = await runJob(namespace, agentJob(queue, strategy));
    await expectCleanEnd(ended);
    expect(build).toMatchObject({ state: "finished", exitStatus: 0, runs: 1 });
    expect(logOf(build)).toMatch(/^dockerd \d+\.\d+/m);
  });

  it("reports a job's exit code 7, and the Job still completes: the agent has done its work", async () => {
    const queue = `red-${strategy}`;
    const build = buildkite.schedule({ queue, command: `${UNTIL_DOCKERD}; echo failing; exit 7` });
    await expectCleanEnd(await runJob(namespace, agentJob(queue, strategy)));
    expect(build).toMatchObject({ state: "finished", exitStatus: 7, runs: 1 });
    expect(logOf(build)).toMatch(/^failing\r?$/m);
  });

  it("leaves after its idle timeout if there's no job, and the Job completes", async () => {
    const queue = `idle-${strategy}`;
    const command = ["sh", "-c", `${UNTIL_DOCKERD}; exec buildkite-agent-entrypoint "$@"`, "sh"];
    const ended = await runJob(namespace, agentJob(queue, strategy, { command }));
    await expectCleanEnd(ended);
    const seen = [...buildkite.agents.values()].filter(({ tags }) => tags.includes(`queue=${queue}`));
    expect(seen).toEqual([{ tags: [`queue=${queue}`], only: undefined, connected: false }]);
  });
});
