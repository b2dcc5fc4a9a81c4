import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBuildkiteJob, type BuildkiteJob } from "../../../../src/dispatch/buildkite/job.ts";
import { describeJobs } from "../../../../src/dispatch/check.ts";
import type { QueueConfig } from "../../../../src/dispatch/config/dispatch-config.ts";
import {
  BUILDKITE_JOB_ANNOTATION,
  agentJobName,
  planAgentJob,
  type AgentJob,
} from "../../../../src/dispatch/jobs/plan-agent-job.ts";
import { testConfig } from "../../../support/dispatch/config.ts";
import { law } from "../../../support/law.ts";

const ID = "01990000-0000-4000-8000-00000000abcd";

interface AgentContainer {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
}
interface PodTemplate {
  readonly metadata: { readonly labels: object; readonly annotations: object };
  readonly spec: { readonly containers: readonly AgentContainer[]; readonly priorityClassName?: string };
}

function plan(queue: Record<string, unknown> = {}, job: Partial<BuildkiteJob> = {}, attempt = 1): AgentJob {
  const [config] = testConfig(queue).queues;
  const [template] = config?.templates ?? [];
  if (!config || !template) throw new Error("no queue");
  const buildkiteJob = { id: ID, rules: [], priority: 0, ...job };
  return planAgentJob({ queue: config, template, buildkiteJob, attempt });
}
const podOf = (job: AgentJob): PodTemplate => job.spec["template"] as PodTemplate;
const containerOf = (job: AgentJob, wanted: string): AgentContainer | undefined =>
  podOf(job).spec.containers.find(({ name }) => name === wanted);
const envOf = (job: AgentJob): Record<string, unknown> =>
  Object.fromEntries((containerOf(job, "agent")?.env ?? []).map((one) => [one.name, one.value ?? one.valueFrom]));

test("is by default the Job of 2020: agent and dind, labelled for Curfew, without the hack", () => {
  const job = plan();
  expect(job.metadata.labels).toMatchObject({ "curfew.sh/enabled": "true" });
  expect(podOf(job).spec.containers.map(({ name }) => name)).toEqual(["dind", "agent"]);
  expect(JSON.stringify(job)).not.toMatch(/trap|\/usr\/share\/pod/);
  expect(job.spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 600, activeDeadlineSeconds: 21_600 });
});

test("starts its agent once Docker is up: kubelet waits for the hook of the container before it", () => {
  const dind = containerOf(plan(), "dind");
  expect(dind).toHaveProperty("lifecycle.postStart.exec.command", ["sh", "-c", expect.stringContaining("version")]);
});

test("keeps cluster-autoscaler and Karpenter from moving a running build, unless the template says otherwise", () => {
  const template = (annotations: object) => ({
    spec: { template: { metadata: { annotations }, spec: { containers: [{ name: "agent" }] } } },
  });
  expect(podOf(plan()).metadata.annotations).toMatchObject({
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
  });
  expect(
    podOf(plan({ template: template({ "karpenter.sh/do-not-disrupt": "false" }) })).metadata.annotations,
  ).toMatchObject({
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "false",
  });
});

test("is named after the Buildkite job's UUID, and after the attempt if it isn't the first", () => {
  expect(plan().metadata.name).toBe(`buildkite-${ID}`);
  expect(plan({}, {}, 2).metadata.name).toBe(`buildkite-${ID}-2`);
  // A Pod's name is the Job's plus six characters. The Job's name is also a label's value, so it
  // has at most 63 characters.
  expect(agentJobName(ID, 999).length).toBeLessThanOrEqual(57);
});

test("says on Job and Pod which Buildkite job it's for, in a form that labels allow", () => {
  const job = plan(
    { name: "default/queue" },
    { pipeline: "web", branch: "feature/Grüße!", buildUrl: "https://buildkite.com/a/b/builds/1#c" },
  );
  const labels = {
    "curfew.sh/buildkite-job": ID,
    "curfew.sh/buildkite-queue": expect.stringMatching(/^default-queue-[0-9a-f]{16}$/) as string,
    "curfew.sh/buildkite-pipeline": "web",
    "curfew.sh/buildkite-branch": expect.stringMatching(/^feature-Gr-e-[0-9a-f]{16}$/) as string,
  };
  const annotations = { "buildkite.com/build-url": "https://buildkite.com/a/b/builds/1#c" };
  expect(job.metadata).toMatchObject({ labels, annotations });
  expect(podOf(job).metadata).toMatchObject({ labels, annotations });
});

test("records the Buildkite job for the replica that makes the next attempt, unless it's too long to record", () => {
  const noted = (branch: string) => plan({}, { branch }).metadata.annotations[BUILDKITE_JOB_ANNOTATION];
  expect(parseBuildkiteJob(noted("main") ?? "")).toMatchObject({ id: ID, branch: "main" });
  expect(noted("x".repeat(1_000))).toBeDefined();
  expect(noted("x".repeat(10_000))).toBeUndefined();
});

test("keeps what the template says: labels for Kueue, its own TTL, unknown fields", () => {
  const template = {
    metadata: { labels: { "kueue.x-k8s.io/queue-name": "ci" }, annotations: { note: "x" } },
    spec: {
      ttlSecondsAfterFinished: 60,
      suspend: true,
      template: { metadata: { labels: { team: "a" } }, spec: { containers: [{ name: "agent", x: 1 }] } },
    },
  };
  const job = plan({ template });
  expect(job.metadata).toMatchObject(template.metadata);
  expect(job.spec).toMatchObject({ ttlSecondsAfterFinished: 60, suspend: true });
  expect(podOf(job)).toMatchObject({
    metadata: { labels: { team: "a" } },
    spec: { containers: [{ name: "agent", x: 1 }] },
  });
});

test("doesn't change the template, so two Jobs of one template share nothing", () => {
  const [queue] = testConfig().queues;
  const [template] = queue?.templates ?? [];
  if (!queue || !template) throw new Error("no queue");
  const before = structuredClone(template);
  planAgentJob({ queue, template, attempt: 1, buildkiteJob: { id: ID, rules: [], priority: 0, branch: "b" } });
  expect(template).toEqual(before);
});

describe("the agent's environment", () => {
  test("in queue mode: leave after one job or 50 idle seconds, with the token from the Secret", () => {
    expect(envOf(plan())).toEqual({
      BUILDKITE_AGENT_TOKEN: { secretKeyRef: { name: "buildkite-agent", key: "token" } },
      DOCKER_HOST: "unix:///run/dind/docker.sock",
      TINI_SUBREAPER: "true",
      BUILDKITE_AGENT_TAGS: "queue=kubernetes",
      BUILDKITE_AGENT_DISCONNECT_AFTER_JOB: "true",
      BUILDKITE_AGENT_DISCONNECT_AFTER_IDLE_TIMEOUT: "50",
    });
  });

  test("in acquire mode: this job, and its token from a Secret of the Job's own", () => {
    const config = testConfig({ mode: "acquire" }, { stacks: { agentToken: { env: "AGENT_TOKEN" } } });
    const [queue] = config.queues as [QueueConfig];
    const [template] = queue.templates;
    if (!template) throw new Error("no template");
    const job = planAgentJob({
      queue,
      template,
      attempt: 2,
      buildkiteJob: { id: ID, rules: [], priority: 0 },
    });
    expect(envOf(job)).toEqual({
      DOCKER_HOST: "unix:///run/dind/docker.sock",
      TINI_SUBREAPER: "true",
      BUILDKITE_AGENT_TAGS: "queue=kubernetes",
      BUILDKITE_AGENT_ACQUIRE_JOB: ID,
      BUILDKITE_AGENT_TOKEN: { secretKeyRef: { name: job.metadata.name, key: "token" } },
    });
    expect(containerOf(job, "dind")).not.toHaveProperty("env");
  });

  test.each([
    [3, "BUILDKITE_CANCEL_GRACE_PERIOD", "30"],
    [4, "BUILDKITE_CANCEL_SIGNAL_TIMEOUT", "30s"],
  ])("sets the time between cancel and kill in agent v%i's own variable", (agentVersion, name, value) => {
    expect(envOf(plan({ agentVersion, cancelGraceSeconds: 30 }))).toMatchObject({ [name]: value });
  });

  test("is set only in the container that's configured as the agent's", () => {
    const containers = [{ name: "proxy" }, { name: "builder", env: [{ name: "A", value: "1" }] }];
    const job = plan({ agentContainer: "builder", template: { spec: { template: { spec: { containers } } } } });
    expect(podOf(job).spec.containers[0]).toEqual({ name: "proxy" });
    expect(podOf(job).spec.containers[1]?.env).toContainEqual({ name: "A", value: "1" });
    expect(podOf(job).spec.containers[1]?.env).toContainEqual({
      name: "BUILDKITE_AGENT_TAGS",
      value: "queue=kubernetes",
    });
  });
});

test.each([
  [-1, undefined],
  [0, "low"],
  [9, "low"],
  [10, "high"],
])("turns the priority %i into the PriorityClass %s", (priority, expected) => {
  const priorityClasses = [
    { minimum: 0, name: "low" },
    { minimum: 10, name: "high" },
  ];
  expect(podOf(plan({ priorityClasses }, { priority })).spec.priorityClassName).toBe(expected);
});

law(
  "of all that an event says, only its priority changes the Pod's spec",
  fc.property(
    fc.record({
      id: fc.uuid(),
      rules: fc.array(fc.string()),
      pipeline: fc.string(),
      branch: fc.string(),
      buildUrl: fc.string(),
    }),
    (said) => {
      const priorityClasses = [{ minimum: 10, name: "high" }];
      expect(podOf(plan({ priorityClasses }, said)).spec).toEqual(podOf(plan({ priorityClasses })).spec);
      expect(podOf(plan({ priorityClasses }, { ...said, priority: 10 })).spec).toEqual({
        ...podOf(plan()).spec,
        priorityClassName: "high",
      });
    },
  ),
);

test("--check shows the Job of every template of every queue", () => {
  const job = { spec: { template: { spec: { containers: [{ name: "agent" }] } } } };
  const jobs = describeJobs(testConfig({ templates: [{ tags: { size: "large" }, template: job }] }));
  expect(jobs.map(({ job }) => envOf(job)["BUILDKITE_AGENT_TAGS"])).toEqual([
    "queue=kubernetes,size=large",
    "queue=kubernetes",
  ]);
});
