/** Laws that hold for any Job. The oracle knows Kubernetes and the contracts, not how the planner goes about it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planCronJob } from "../../../src/injection/plan-cron-job.ts";
import { planJob } from "../../../src/injection/plan-job.ts";
import { planUpdate } from "../../../src/injection/plan-update.ts";
import { MOUNT_PATH, type ContainerPlan, type PatchPlan, type Plan } from "../../../src/injection/plan.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/scripts.generated.ts";
import { unwrap } from "../../../src/injection/wrapper.ts";
import { applyAgain, withoutNulls } from "../../support/apply.ts";
import type { GeneratedContainer } from "../../support/arbitrary-container.ts";
import {
  arbitraryJob,
  arbitraryOptions,
  type GeneratedJob,
  type GeneratedPodSpec,
  type GeneratedRule,
} from "../../support/arbitrary-job.ts";
import { applied } from "../../support/json-patch.ts";

/** As many as run in a few seconds; more by the environment variable RUNS. */
const law = <T extends [unknown, ...unknown[]]>(title: string, property: fc.IPropertyWithHooks<T>): void => {
  test(title, () => {
    fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 300) });
  });
};

interface Case {
  readonly job: GeneratedJob;
  readonly plan: Plan;
  readonly result: GeneratedJob;
}
const cases = fc.tuple(arbitraryJob, arbitraryOptions).map(([job, options]): Case => {
  const before = structuredClone(job);
  const plan = planJob(job, options);
  expect(job).toEqual(before);
  return { job, plan, result: (plan.kind === "refuse" ? job : applied(job, plan.patch)) as GeneratedJob };
});
const podSpecOf = (job: GeneratedJob): GeneratedPodSpec => job.spec.template.spec;
const without = (object: object, ...fields: string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)));
const byRole = (plan: Plan, role: ContainerPlan["role"]): string[] =>
  plan.containers.filter((container) => container.role === role).map(({ name }) => name);

describe("a patch", () => {
  law(
    "changes nothing but containers, initContainers, volumes, podFailurePolicy and the marker",
    fc.property(cases, ({ job, result }) => {
      const rest = (whole: GeneratedJob): unknown => {
        const { spec, metadata, ...others } = whole;
        const { template, ...jobSpec } = spec;
        return {
          others,
          metadata: withoutMarker(metadata),
          jobSpec: without(jobSpec, "podFailurePolicy"),
          template: without(template, "spec", "metadata"),
          templateMetadata: withoutMarker(template.metadata),
          podSpec: without(template.spec, "containers", "initContainers", "volumes"),
        };
      };
      expect(withoutNulls(rest(result))).toEqual(withoutNulls(rest(job)));
    }),
  );

  law(
    "is done once: a second plan leaves the Job, without a patch",
    fc.property(fc.tuple(arbitraryJob, arbitraryOptions), ([job, options]) => {
      const plan = planJob(job, options);
      if (plan.kind === "refuse") return;
      expect(planJob(applied(job, plan.patch), options)).toMatchObject({ kind: "leave", patch: [] });
    }),
  );

  law(
    "of trap wraps mains and sidecars around one emptyDir; of native moves sidecars behind the init containers",
    fc.property(cases, ({ job, plan, result }) => {
      if (plan.kind === "patch") (plan.strategy === "trap" ? expectTrap : expectNative)(job, plan, result);
    }),
  );

  law(
    "has someone to wait for and someone to stop; what is left alone has none",
    fc.property(cases, ({ plan }) => {
      if (plan.kind === "patch") {
        expect(byRole(plan, "main")).not.toEqual([]);
        expect(byRole(plan, "sidecar")).not.toEqual([]);
      } else if (plan.kind === "leave") {
        expect(byRole(plan, "sidecar")).toEqual([]);
      }
    }),
  );
});

describe("a refusal", () => {
  law(
    "says why, on one line that fits a screen",
    fc.property(cases, ({ plan }) => {
      if (plan.kind !== "refuse") return;
      const { message, limits } = plan;
      expect(message).toMatch(/^[^\p{C}]{20,3000}\.$/u);
      for (const { container } of limits.slice(0, 8)) expect(message).toContain(container ?? "");
    }),
  );
});

describe("applying the same manifest again", () => {
  law(
    "by replacing it gives back the admitted Job",
    fc.property(cases, ({ job, result }) => {
      const { patch } = planUpdate(result, job);
      expect(withoutNulls(applied(job, patch))).toEqual(withoutNulls(result));
    }),
  );

  law(
    "by kubectl apply gives back the admitted Job",
    fc.property(cases, ({ job, result }) => {
      const after = applyAgain(result, job);
      const { patch } = planUpdate(result, after);
      expect(withoutNulls(applied(after, patch))).toEqual(withoutNulls(result));
    }),
  );

  law(
    "changes nothing where there is nothing to put back",
    fc.property(cases, ({ result }) => {
      expect(planUpdate(result, result)).toEqual({ patch: [], warnings: [] });
    }),
  );
});

describe("hostile input", () => {
  const keys = fc.constantFrom(
    ...[
      "curfew.sh/main",
      "curfew.sh/ignore",
      "curfew.sh/strategy",
      "curfew.sh/start-timeout-seconds",
      "curfew.sh/injected",
    ],
    ...["command.curfew.sh/tests", "grace-period-seconds.curfew.sh/dind", "shell.curfew.sh/dind", "curfew.sh/enabled"],
    ...["kubectl.kubernetes.io/default-container", "__proto__", "constructor", "command.curfew.sh/__proto__"],
  );
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.constantFrom("tests", "trap", "9", "/bin/sh", "/bin/$(X)", '["$(X)", "`id`"]', "'; rm -rf / #", '["\\u0000"]'),
  );
  law(
    "in annotations neither throws nor reaches a script or a setting",
    fc.property(fc.dictionary(keys, value), fc.dictionary(keys, value), (onJob, onTemplate) => {
      const job = {
        metadata: { labels: { "curfew.sh/enabled": "true" }, annotations: onJob },
        spec: {
          template: {
            metadata: { annotations: onTemplate },
            spec: {
              restartPolicy: "Never",
              containers: [
                { name: "tests", image: "corp.example/x" },
                { name: "dind", image: "docker:dind" },
                { name: "db", image: "alpine", command: ["sh"] },
              ],
            },
          },
        },
      };
      const plan = planJob(job);
      if (plan.kind !== "patch") return;
      for (const { command, args } of podSpecOf(applied(job, plan.patch) as GeneratedJob).containers) {
        if (command?.[3] !== "curfew") continue;
        expect([MAIN_SCRIPT, SIDECAR_SCRIPT]).toContain(command[2]);
        expect(command[0]).toMatch(/^[\w./+-]+$/);
        expect(args?.slice(0, 3 + Number(args[2])).join("\n")).toMatch(/^[\w./\n -]+$/);
      }
    }),
  );

  const damaged = fc
    .tuple(arbitraryJob, fc.jsonValue({ maxDepth: 3 }), fc.nat())
    .map(([job, junk, at]) => damage(job, junk, at));
  const anything = fc.oneof(fc.jsonValue(), damaged);
  law(
    "of any shape is planned without throwing",
    fc.property(anything, fc.boolean(), (object, all) => {
      const cronJob = { spec: { jobTemplate: object } };
      expect(["patch", "leave", "refuse"]).toContain(planJob(object, { all }).kind);
      expect(["patch", "leave", "refuse"]).toContain(planCronJob(object, { all }).kind);
      const plan = planCronJob(cronJob, { all });
      if (plan.kind !== "refuse") applied(cronJob, plan.patch);
    }),
  );

  law(
    "of any shape is updated without throwing, by a valid patch",
    fc.property(anything, anything, (before, after) => {
      applied(after, planUpdate(before, after).patch);
    }),
  );

  test("of any depth is planned and updated without throwing", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`) as unknown;
    const job = (name: string): unknown => ({
      metadata: { labels: { "curfew.sh/enabled": "true" }, annotations: { "curfew.sh/injected": "native" } },
      spec: {
        template: {
          spec: {
            [name]: [{ name: "x", restartPolicy: "Always", deep }],
            containers: [
              { name: "x", deep },
              { name: "y", deep },
            ],
          },
        },
      },
    });
    for (const object of [deep, { metadata: deep }, { metadata: { labels: { "curfew.sh/enabled": deep } } }])
      planJob(object);
    planJob(job("initContainers"));
    planUpdate(job("initContainers"), job("volumes"));
    planUpdate(deep, deep);
  });
});

function withoutMarker(
  metadata: { readonly annotations?: Readonly<Record<string, string>> | null } | null | undefined,
): unknown {
  const annotations = without(metadata?.annotations ?? {}, "curfew.sh/injected");
  return { ...metadata, annotations: Object.keys(annotations).length === 0 ? null : annotations };
}

function expectTrap(job: GeneratedJob, plan: PatchPlan, result: GeneratedJob): void {
  const before = podSpecOf(job);
  const after = podSpecOf(result);
  expect(after.initContainers).toEqual(before.initContainers);
  expect(result.spec.podFailurePolicy).toEqual(job.spec.podFailurePolicy);
  expect(after.containers.map(({ name }) => name)).toEqual(before.containers.map(({ name }) => name));
  expect((after.volumes ?? []).slice(0, before.volumes?.length ?? 0)).toEqual(before.volumes ?? []);

  const shared = new Set<string>();
  for (const [index, container] of after.containers.entries()) {
    const original = before.containers[index] as GeneratedContainer;
    const { role, argv } = plan.containers[index] as ContainerPlan;
    if (role === "ignored") {
      expect(container).toEqual(original);
      continue;
    }
    const undone = unwrap(container);
    if (typeof undone !== "object") throw new Error(`${container.name} should be wrapped.`);
    expect(undone).toMatchObject({ role, argv, current: true });
    const commandOf = ({ command }: GeneratedContainer): readonly string[] | undefined =>
      command?.length ? command : undefined;
    expect(undone.command).toEqual(commandOf(original));
    expect(undone.args ?? []).toEqual(original.args ?? []);
    const annotation = job.metadata.annotations?.[`command.curfew.sh/${container.name}`];
    const leading =
      commandOf(original) ?? (annotation === undefined ? undefined : (JSON.parse(annotation) as string[]));
    if (leading) expect(argv).toEqual([...leading, ...(original.args ?? [])]);
    expect(argv).not.toEqual([]);

    const changed = ["command", "args", "volumeMounts"];
    expect(without(container, ...changed)).toEqual(without(original, ...changed));
    const mounts = container.volumeMounts ?? [];
    expect(mounts.slice(0, original.volumeMounts?.length ?? 0)).toEqual(original.volumeMounts ?? []);
    const added = mounts.slice(original.volumeMounts?.length ?? 0);
    for (const mount of added) expect(mount.readOnly ?? false).toBe(role === "sidecar");
    const at = mounts.filter(
      ({ mountPath }) => new URL(`file://${mountPath}`).pathname.replace(/\/+/g, "/").replace(/\/$/, "") === MOUNT_PATH,
    );
    expect(at).toHaveLength(1);
    if (role === "main") expect(at[0]?.readOnly ?? false).toBe(false);
    shared.add(at[0]?.name ?? "");
  }
  expect([...shared]).toHaveLength(1);
  const volume = (after.volumes ?? []).filter(({ name }) => shared.has(name));
  expect(volume).toHaveLength(1);
  expect(
    Object.keys(withoutNulls(volume[0]) as object).filter((field) => field !== "name" && field !== "emptyDir"),
  ).toEqual([]);
}

function expectNative(job: GeneratedJob, plan: PatchPlan, result: GeneratedJob): void {
  const before = podSpecOf(job);
  const after = podSpecOf(result);
  const sidecars = byRole(plan, "sidecar");
  const stayed = before.containers.filter(({ name }) => !sidecars.includes(name));
  const moved = before.containers.filter(({ name }) => sidecars.includes(name));
  expect(after.containers).toEqual(stayed);
  expect(after.initContainers).toEqual([
    ...(before.initContainers ?? []),
    ...moved.map((sidecar) => ({ ...sidecar, restartPolicy: "Always" })),
  ]);
  expect(after.volumes).toEqual(before.volumes);

  // Each rule on exit codes fires for the containers that it saw before, but for the sidecars.
  const seen = [...stayed, ...(before.initContainers ?? [])].map(({ name }) => name);
  const expected = (job.spec.podFailurePolicy?.rules ?? []).flatMap((rule): GeneratedRule[] => {
    const { onExitCodes } = rule;
    if (!onExitCodes || onExitCodes.containerName != null) return [rule];
    return seen.map((containerName) => ({ ...rule, onExitCodes: { ...onExitCodes, containerName } }));
  });
  expect(result.spec.podFailurePolicy?.rules ?? []).toEqual(expected);
  expect(expected.length).toBeLessThanOrEqual(20);
}

/** Puts junk in the place of one of the object's values. */
function damage(object: unknown, junk: unknown, at: number): unknown {
  const copy = structuredClone(object);
  const places: (() => void)[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      places.push(() => Object.assign(value, { [key]: junk }));
      walk(member);
    }
  };
  walk(copy);
  places[at % places.length]?.();
  return copy;
}
