/**
 * auto takes native only if that does no harm. Each Job here once did worse with Curfew than
 * without, because the label alone made it native.
 */
import { describe, expect, it } from "vitest";
import { createJob, endOf, logsOf, runJob, statusOf, untilEnded, type EndedJob } from "../support/jobs.ts";
import { ENABLED, job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("auto");

const work = { volumeMounts: [{ name: "work", mountPath: "/work" }] };
const volumes = { volumes: [{ name: "work", emptyDir: {} }] };
/** Fails until main has made its file. */
const mainIsHere = { exec: { command: ["test", "-e", "/work/main-is-here"] } };
/** Keeps auto from trap: kubelet runs the hook only if it ends the container. */
const preStop = { preStop: { exec: { command: ["true"] } } };

const strategyOf = ({ job: { metadata } }: EndedJob): string | undefined =>
  metadata.annotations?.["curfew.sh/injected"];

describe.concurrent("a sidecar that waits for something main does doesn't keep main from starting", () => {
  const main = script("main", "touch /work/main-is-here; until [ -e /work/sidecar-is-up ]; do sleep 0.2; done", work);
  const serve = "touch /work/sidecar-is-up; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

  it("in its startupProbe", async () => {
    const sidecar = script("sidecar", serve, {
      ...work,
      startupProbe: { ...mainIsHere, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 60 },
    });
    const ended = await runJob(namespace, job("startup-probe", [main, sidecar], { pod: volumes }));
    expect([ended.outcome, strategyOf(ended)]).toEqual(["Complete", "trap"]);
  });

  it("in its postStart hook, beside a liveness probe", async () => {
    const hook = ["sh", "-c", "until [ -e /work/main-is-here ]; do sleep 0.2; done"];
    const more = {
      ...work,
      livenessProbe: { exec: { command: ["true"] } },
      lifecycle: { postStart: { exec: { command: hook } } },
    };
    const ended = await runJob(namespace, job("post-start", [main, script("sidecar", serve, more)], { pod: volumes }));
    expect([ended.outcome, strategyOf(ended)]).toEqual(["Complete", "trap"]);
  });
});

it.concurrent("a helper that runs once and ends isn't started again, even if it counts as a sidecar", async () => {
  const helper = script("seed", "echo seeding", { lifecycle: preStop });
  const options = {
    annotations: { "curfew.sh/main": "main" },
    pod: { restartPolicy: "OnFailure" },
    spec: { backoffLimit: 2 },
  };
  const ended = await runJob(namespace, job("runs-once", [script("main", "sleep 15"), helper], options));
  expect([ended.outcome, strategyOf(ended)]).toEqual(["Complete", "trap"]);
  expect([endOf(ended.pod, "main").exitCode, endOf(ended.pod, "seed").exitCode]).toEqual([0, 0]);
  expect(statusOf(ended.pod, "seed")?.restartCount).toBe(0);
  expect(await logsOf(namespace, ended.pod, "seed")).toBe("seeding\n");
});

describe.concurrent("a sidecar that fails", () => {
  const rules = [{ action: "FailJob", onExitCodes: { containerName: "sidecar", operator: "In", values: [3] } }];
  const failing = script("sidecar", "sleep 2; exit 3", { lifecycle: preStop });
  const named = (name: string, labels: Record<string, string>) =>
    job(name, [script("main", "sleep 20"), failing], { labels, spec: { podFailurePolicy: { rules } } });

  it("fails the Job by podFailurePolicy, as it does without Curfew", async () => {
    const names = ["failure-with-curfew", "failure-without"];
    await createJob(namespace, named(names[0] ?? "", ENABLED));
    await createJob(namespace, named(names[1] ?? "", {}));
    const ended = await Promise.all(names.map((name) => untilEnded(namespace, name)));
    expect(ended.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["Failed", "PodFailurePolicy"],
      ["Failed", "PodFailurePolicy"],
    ]);
    expect(ended.map(strategyOf)).toEqual(["trap", undefined]);
  });
});

it.concurrent(
  "a sidecar that has a preStop hook and does none of the above becomes native, and its hook runs",
  async () => {
    const hook = { preStop: { exec: { command: ["sh", "-c", "echo hooked >/proc/1/fd/1"] } } };
    const ended = await runJob(
      namespace,
      job("pre-stop", [script("main", "true"), politeSidecar("sidecar", 0, { lifecycle: hook })]),
    );
    expect([ended.outcome, strategyOf(ended)]).toEqual(["Complete", "native"]);
    expect(await logsOf(namespace, ended.pod, "sidecar")).toContain("hooked\n");
  },
);
