/**
 * Everything a Job can do besides running once works as documented, with a sidecar in every Pod.
 */
import { describe, expect, it } from "vitest";
import { accepted, create, pathOf, request } from "../support/api.ts";
import { createJob, endOf, getJob, logsOf, podsOf, runJob, statusOf, untilEnded, outputOf } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("job-features");

for (const strategy of ["trap", "native"] as const) {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
  const named = (name: string, main: string, spec: object = {}, options: object = {}) =>
    job(`${strategy}-${name}`, [script("main", main), politeSidecar()], { annotations, spec, ...options });

  describe.concurrent(`under ${strategy}`, () => {
    it("activeDeadlineSeconds fails the Job and removes its Pod", async ({ expect }) => {
      const name = `${strategy}-deadline`;
      const { outcome, reason } = await runJob(namespace, named("deadline", "sleep 600", { activeDeadlineSeconds: 8 }));
      expect([outcome, reason]).toEqual(["Failed", "DeadlineExceeded"]);
      await expect.poll(() => podsOf(namespace, name)).toEqual([]);
    });

    it("suspend: nothing runs until the Job is resumed, and then it completes", async ({ expect }) => {
      const name = `${strategy}-suspended`;
      await createJob(namespace, named("suspended", "true", { suspend: true }));
      await expect.poll(async () => (await getJob(namespace, name)).status.conditions ?? []).not.toEqual([]);
      expect(await podsOf(namespace, name)).toEqual([]);
      accepted(
        await request(
          "PATCH",
          pathOf("Job", namespace, name),
          { spec: { suspend: false } },
          "application/merge-patch+json",
        ),
      );
      expect((await untilEnded(namespace, name)).outcome).toBe("Complete");
    });

    it("backoffLimit: each failed Pod ends, sidecar included, and another one follows", async () => {
      const { outcome, reason, pods } = await runJob(namespace, named("retries", "exit 1", { backoffLimit: 1 }));
      expect([outcome, reason]).toEqual(["Failed", "BackoffLimitExceeded"]);
      expect(pods.map((pod) => [endOf(pod, "main").exitCode, endOf(pod, "sidecar").exitCode])).toEqual([
        [1, 0],
        [1, 0],
      ]);
    });

    it("restartPolicy OnFailure: main fails and restarts twice, the sidecar keeps running, and finally both end", async () => {
      const counting = script("main", "echo x >>/count/runs; [ $(wc -l </count/runs) -ge 3 ]", {
        volumeMounts: [{ name: "count", mountPath: "/count" }],
      });
      const pod = { restartPolicy: "OnFailure", volumes: [{ name: "count", emptyDir: {} }] };
      const manifest = job(`${strategy}-on-failure`, [counting, politeSidecar()], {
        annotations,
        pod,
        spec: { backoffLimit: 6 },
      });
      const ended = await runJob(namespace, manifest, 180);
      expect(ended.outcome).toBe("Complete");
      expect(statusOf(ended.pod, "main")?.restartCount).toBe(2);
      expect(statusOf(ended.pod, "sidecar")?.restartCount).toBe(0);
      expect(await outputOf(namespace, ended.pod, "sidecar")).toMatch(/^started\nstopping\nstopped\n$/);
    });

    it("parallelism 5: five Pods at once, each with its own sidecar", async () => {
      const { outcome, pods } = await runJob(
        namespace,
        named("parallel", "sleep 2", { parallelism: 5, completions: 5 }),
      );
      expect(outcome).toBe("Complete");
      expect(pods.map((pod) => endOf(pod, "sidecar").exitCode)).toEqual([0, 0, 0, 0, 0]);
    });

    it("Indexed: each Pod has its index, and all complete", async () => {
      const spec = { completionMode: "Indexed", parallelism: 3, completions: 3 };
      const {
        outcome,
        job: ended,
        pods,
      } = await runJob(namespace, named("indexed", "echo index $JOB_COMPLETION_INDEX", spec));
      expect(outcome).toBe("Complete");
      expect(ended.status.completedIndexes).toBe("0-2");
      const output = await Promise.all(pods.map((pod) => logsOf(namespace, pod, "main")));
      expect(output.sort()).toEqual(["index 0\n", "index 1\n", "index 2\n"]);
    });

    it("successPolicy: one index is enough, even if the other Pod would run on", async () => {
      const spec = {
        completionMode: "Indexed",
        parallelism: 2,
        completions: 2,
        successPolicy: { rules: [{ succeededIndexes: "0" }] },
      };
      const main = "[ $JOB_COMPLETION_INDEX = 0 ] || exec sleep 600";
      const { outcome, job: ended } = await runJob(namespace, named("success", main, spec));
      expect(outcome).toBe("Complete");
      expect(ended.status.conditions?.map(({ type }) => type)).toContain("SuccessCriteriaMet");
    });

    it("a CronJob's Job completes", async ({ expect }) => {
      const { metadata, spec } = named("cron", "true");
      const jobTemplate = { metadata: { labels: metadata.labels, annotations: metadata.annotations }, spec };
      const { name } = metadata;
      const cronJob = {
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name },
        spec: { schedule: "* * * * *", jobTemplate },
      };
      accepted(await create(namespace, cronJob));
      const location = pathOf("CronJob", namespace, name);
      const status = async () => (await request<{ status: object }>("GET", location)).body.status;
      await expect.poll(status, { timeout: 150_000 }).toHaveProperty("lastSuccessfulTime");
    });
  });
}

describe.concurrent("podFailurePolicy under native, which also sees the sidecar's exit code", () => {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": "native" };
  /** A sidecar that ends with 143 when it's told to stop, as many do. */
  const containers = [script("main", "exit 42"), politeSidecar("sidecar", 143)];
  const rule = (operator: string) => ({
    podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator, values: [42] } }] },
  });

  it("a rule for codes other than main's doesn't match the sidecar's", async () => {
    const { outcome, reason, pod } = await runJob(
      namespace,
      job("not-in", containers, { annotations, spec: rule("NotIn") }),
    );
    expect(endOf(pod, "sidecar").exitCode).toBe(143);
    expect([outcome, reason]).toEqual(["Failed", "BackoffLimitExceeded"]);
  });

  it("a rule for main's code matches", async () => {
    const { outcome, reason } = await runJob(namespace, job("in", containers, { annotations, spec: rule("In") }));
    expect([outcome, reason]).toEqual(["Failed", "PodFailurePolicy"]);
  });
});
