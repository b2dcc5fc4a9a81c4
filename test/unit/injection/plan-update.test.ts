import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { planJob } from "../../../src/injection/plan-job.ts";
import { planUpdate, type UpdatePlan } from "../../../src/injection/plan-update.ts";
import type { LeavePlan, PlanOptions } from "../../../src/injection/plan.ts";
import { applyAgain } from "../../support/injection/apply.ts";
import { applied } from "../../support/injection/json-patch.ts";

interface TestJob {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    suspend?: boolean;
    parallelism?: number;
    podFailurePolicy?: { rules: { onExitCodes: Record<string, unknown> }[] };
    template: {
      metadata?: { annotations?: Record<string, string>; labels?: Record<string, string> };
      spec: TestPodSpec;
    };
  };
}
interface TestPodSpec {
  initContainers?: TestContainer[];
  containers: TestContainer[];
  volumes?: unknown[];
}
type TestContainer = { name: string; image: string; args?: string[]; command?: string[]; [field: string]: unknown };

/** One container with only args, one with only command, one with both, one with neither. */
const trapManifest = parse(`
apiVersion: batch/v1
kind: Job
metadata: { name: test, labels: { curfew.sh/enabled: "true" }, annotations: { curfew.sh/main: tests } }
spec:
  template:
    spec:
      restartPolicy: Never
      volumes: [{ name: data, emptyDir: {} }]
      containers:
        - { name: agent, image: "buildkite/agent:3", args: [start, --once], volumeMounts: [{ name: data, mountPath: /data }] }
        - { name: tests, image: "alpine:3", command: [sh, -c, "run tests"] }
        - { name: db, image: "postgres:17", command: [docker-entrypoint.sh], args: [postgres] }
        - { name: dind, image: "docker:27-dind" }
`) as TestJob;
const nativeManifest = parse(`
apiVersion: batch/v1
kind: Job
metadata: { name: test, labels: { curfew.sh/enabled: "true" }, annotations: { curfew.sh/main: tests, curfew.sh/strategy: native } }
spec:
  podFailurePolicy:
    rules:
      - { action: FailJob, onExitCodes: { containerName: tests, operator: In, values: [2] } }
      - { action: FailJob, onExitCodes: { operator: In, values: [42] } }
      - { action: Ignore, onPodConditions: [{ type: DisruptionTarget }] }
  template:
    spec:
      restartPolicy: Never
      initContainers:
        - { name: clone, image: "alpine/git" }
        - { name: registry, image: "registry:3", restartPolicy: Always }
      containers:
        - { name: proxy, image: "cloud-sql-proxy:2", args: [db] }
        - { name: tests, image: "alpine:3", command: [sh, -c, "run tests"] }
        - { name: dind, image: "docker:27-dind" }
`) as TestJob;

const admitted = (manifest: TestJob, options?: PlanOptions): TestJob => {
  const plan = planJob(manifest, options);
  if (plan.kind !== "patch") throw new Error("The Job should be patched.");
  return applied(manifest, plan.patch) as TestJob;
};
const changed = (job: TestJob, change: (job: TestJob) => void): TestJob => {
  const copy = structuredClone(job);
  change(copy);
  return copy;
};
const container = (job: TestJob, name: string): TestContainer => {
  const found = job.spec.template.spec.containers.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`There should be a container ${name}.`);
  return found;
};
const update = (before: TestJob, after: TestJob): { readonly result: TestJob; readonly plan: UpdatePlan } => {
  const plan = planUpdate(before, after);
  return { result: applied(after, plan.patch) as TestJob, plan };
};

/** What the webhook gets if a manifest is applied to a live Job, by the tool that applies it. */
const ways = [
  ["kubectl replace", (_: TestJob, manifest: TestJob) => structuredClone(manifest)],
  // Server-side apply does the same: nobody owns what a webhook adds, so it stays.
  ["kubectl apply", (live: TestJob, manifest: TestJob) => applyAgain(live, manifest) as TestJob],
  [
    "a tool that keeps annotations",
    (live: TestJob, manifest: TestJob) =>
      changed(manifest, (job) => {
        job.metadata.annotations = { ...live.metadata.annotations, ...job.metadata.annotations };
        job.spec.template.metadata = { ...live.spec.template.metadata };
      }),
  ],
] as const;

describe.each([
  ["trap", trapManifest],
  ["native", nativeManifest],
] as const)("a Job that was admitted under %s", (_, manifest) => {
  const live = admitted(manifest);

  test.each(ways)("comes back whole from the same manifest by %s", (_way, apply) => {
    const { result, plan } = update(live, apply(live, manifest));
    expect(result).toEqual(live);
    expect(plan.warnings).toEqual([]);
  });

  test("gets no patch if nothing in it has changed", () => {
    expect(planUpdate(live, live)).toEqual({ patch: [], warnings: [] });
  });

  test.each(ways)("accepts changes to suspend, parallelism, labels and other annotations by %s", (_way, apply) => {
    const change = (job: TestJob): void => {
      job.spec.suspend = true;
      job.spec.parallelism = 3;
      job.metadata.labels = { ...job.metadata.labels, team: "ci" };
      job.metadata.annotations = { ...job.metadata.annotations, "corp.example/owner": "me" };
    };
    expect(update(live, apply(live, changed(manifest, change))).result).toEqual(changed(live, change));
  });

  test.each(ways)("passes on main's changed image by %s, for the API server to refuse", (_way, apply) => {
    const change = (job: TestJob): void => {
      container(job, "tests").image = "alpine:4";
    };
    expect(update(live, apply(live, changed(manifest, change))).result).toEqual(changed(live, change));
  });

  test("warns that changing an annotation or the label no longer has an effect", () => {
    const late = changed(live, ({ metadata }) => {
      metadata.annotations = { "curfew.sh/injected": "none", "shell.curfew.sh/dind": "/bin/sh" };
      metadata.labels = { "curfew.sh/enabled": "false" };
    });
    const { warnings } = planUpdate(live, late);
    expect(warnings.join("\n")).toMatch(/"curfew\.sh\/main" has no effect on an existing Job/);
    expect(warnings).toHaveLength(3);
  });
});

describe("under trap", () => {
  const live = admitted(trapManifest);
  const injectedMount = { name: "tmp-pod", mountPath: "/usr/share/pod" };

  test.each([
    ["args of a container without command", "agent", { args: ["stop"] }],
    ["a command where the manifest had none", "agent", { command: ["sh"] }],
    ["another split of the same argv", "db", { command: ["docker-entrypoint.sh", "postgres"], args: [] }],
    ["args of a container with command", "db", { args: ["postgres", "-c"] }],
    ["args where the manifest had none", "tests", { args: ["x"] }],
    ["args of a container with neither", "dind", { args: ["--debug"] }],
  ])("%s: passed on, for the API server to refuse", (_, name, fields) => {
    const manifest = changed(trapManifest, (job) => Object.assign(container(job, name), fields));
    for (const [, apply] of ways) {
      const after = apply(live, JSON.parse(JSON.stringify(manifest)) as TestJob);
      const result = container(update(live, after).result, name);
      const now = container(after, name);
      expect({ command: result.command, args: result.args }).toEqual({ command: now.command, args: now.args });
      expect({ command: result.command, args: result.args }).not.toEqual({
        command: container(live, name).command,
        args: container(live, name).args,
      });
    }
  });

  test("what another version wrapped comes back as that version wrapped it", () => {
    const other = changed(live, (job) => {
      for (const each of job.spec.template.spec.containers) {
        const [, split, count, ...rest] = each.args ?? [];
        each.command?.splice(2, 1, "another script");
        each.args = ["9", split ?? "", String(Number(count) + 1), rest[0] ?? "", "a new setting", ...rest.slice(1)];
      }
    });
    for (const [, apply] of ways) expect(update(other, apply(other, trapManifest)).result).toEqual(other);
  });

  test("changing an annotation's command in the manifest has no effect, but causes a warning", () => {
    const manifest = changed(trapManifest, (job) => {
      container(job, "db").image = "corp.example/db";
      delete container(job, "db").command;
      job.metadata.annotations = {
        "command.curfew.sh/db": '["/db"]',
        "shell.curfew.sh/db": "/bin/sh",
        "curfew.sh/main": "tests",
      };
    });
    const before = admitted(manifest);
    const now = changed(manifest, (job) =>
      Object.assign(job.metadata.annotations ?? {}, { "command.curfew.sh/db": '["/x"]' }),
    );
    const { result, plan } = update(before, applyAgain(before, now) as TestJob);
    expect(result.spec).toEqual(before.spec);
    expect(plan.warnings).toEqual([expect.stringContaining('"command.curfew.sh/db" has no effect')]);
  });

  test("a mount that the manifest changes isn't overwritten", () => {
    const after = changed(
      live,
      (job) => (container(job, "dind")["volumeMounts"] = [{ ...injectedMount, name: "data" }]),
    );
    expect(planUpdate(live, after).patch).toEqual([]);
  });

  test("a new, renamed or missing container is left to the API server", () => {
    const after = changed(trapManifest, (job) => {
      job.spec.template.spec.containers.splice(1, 1, { name: "new", image: "alpine:3" });
    });
    const { result } = update(live, after);
    expect(container(result, "new")).toEqual({ name: "new", image: "alpine:3" });
    expect(container(result, "dind")).toEqual(container(live, "dind"));
  });
});

describe("under native", () => {
  const live = admitted(nativeManifest);

  test.each(ways)(
    "a changed sidecar from %s replaces the native one, with a warning unless the Job is suspended",
    (_way, apply) => {
      for (const suspend of [false, true]) {
        const stored = changed(live, ({ spec }) => (spec.suspend = suspend));
        const change = (fields: object) => (job: TestJob) => {
          job.spec.suspend = suspend;
          for (const each of [...job.spec.template.spec.containers, ...(job.spec.template.spec.initContainers ?? [])])
            if (each.name === "dind") Object.assign(each, fields);
        };
        const wanted = { resources: { limits: { cpu: "2" } } };
        const { result, plan } = update(stored, apply(stored, changed(nativeManifest, change(wanted))));
        expect(result).toEqual(changed(stored, change(wanted)));
        expect(plan.warnings).toEqual(suspend ? [] : [expect.stringContaining('runs "dind" as a native sidecar')]);
      }
    },
  );

  test("a native sidecar that its author wrote is left to its author", () => {
    const own = changed(nativeManifest, (job) => {
      job.metadata.labels = {};
      job.spec.template.spec.initContainers?.push({ name: "dind", image: "docker:27-dind", restartPolicy: "Always" });
      job.spec.template.spec.containers.pop();
    });
    expect(planUpdate(own, nativeManifest).patch).toEqual([]);
  });

  test.each([
    [
      "another exit code",
      (job: TestJob) =>
        (job.spec.podFailurePolicy?.rules[1] as never as { onExitCodes: { values: number[] } }).onExitCodes.values.push(
          43,
        ),
    ],
    ["one rule fewer", (job: TestJob) => job.spec.podFailurePolicy?.rules.pop()],
    ["no rules at all", (job: TestJob) => delete job.spec.podFailurePolicy],
  ])("podFailurePolicy with %s is passed on, for the API server to refuse", (_, change) => {
    const after = changed(nativeManifest, change);
    expect(update(live, after).result.spec.podFailurePolicy).toEqual(after.spec.podFailurePolicy);
  });
});

test.each([
  ["no Jobs", null, null],
  ["an old object that isn't a Job", [], trapManifest],
  ["a new object that isn't a Job", trapManifest, { spec: { template: { spec: { containers: "x" } } } }],
])("%s: nothing to put back", (_, before, after) => {
  expect(planUpdate(before, after)).toEqual({ patch: [], warnings: [] });
});

describe.each(["trap", "native"] as const)("a Job that an earlier version planned on a guess, under %s", (strategy) => {
  /** Nothing shows what its containers are, so it would be refused if it were created today. */
  const manifest = {
    metadata: { labels: { "curfew.sh/enabled": "true" }, annotations: { "curfew.sh/strategy": strategy } },
    spec: {
      template: {
        spec: {
          containers: [
            { name: "backup", image: "alpine:3", command: ["sh", "-c", "backup"] },
            { name: "manager", image: "alpine:3", command: ["sh", "-c", "manage"] },
          ],
        },
      },
    },
  };
  const guessed = structuredClone(manifest);
  Object.assign(guessed.metadata.annotations, { "curfew.sh/main": "backup" });
  const stored = applied(
    guessed,
    (planJob(guessed) as { patch: Parameters<typeof applied>[1] }).patch,
  ) as typeof guessed;
  delete (stored.metadata.annotations as Record<string, string>)["curfew.sh/main"];

  test("would be refused if it were created today", () => {
    expect(planJob(manifest)).toMatchObject({ kind: "refuse", reason: "roles-unclear" });
  });

  test("keeps its roles and isn't changed if its manifest is applied again", () => {
    for (const again of [manifest, applyAgain(stored, manifest)]) {
      const { patch, warnings } = planUpdate(stored, again);
      expect({ after: applied(again, patch), warnings }).toEqual({ after: stored, warnings: [] });
    }
  });

  test("keeps them if it's exported and created again", () => {
    expect(planJob(stored)).toMatchObject({ kind: "leave", reason: "already-injected", patch: [] });
  });

  test("keeps them even if that version didn't record its roles", () => {
    const unrecorded = structuredClone(stored) as { spec: { template: { metadata?: object } } };
    unrecorded.spec.template.metadata = { annotations: { "curfew.sh/injected": strategy } };
    const plan = planJob(unrecorded) as LeavePlan;
    expect(plan.kind).toBe("leave");
    expect(plan.patch.filter(({ path }) => !/\/(labels|annotations)(\/|$)/.test(path))).toEqual([]);
  });
});
