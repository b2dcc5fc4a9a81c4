import fc from "fast-check";
import { expect, test } from "vitest";
import { planCronJob } from "../../../src/injection/plan-cron-job.ts";
import { planJob } from "../../../src/injection/plan-job.ts";
import { planPod } from "../../../src/injection/plan-pod.ts";
import { planUpdate } from "../../../src/injection/plan-update.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/wrapper/scripts.generated.ts";
import { arbitraryJob, type GeneratedJob } from "../../support/injection/arbitrary-job.ts";
import { podSpecOf } from "../../support/injection/expect-patched.ts";
import { applied } from "../../support/injection/json-patch.ts";
import { law } from "../../support/law.ts";

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
  "no annotation's value makes the planner throw, or reaches a script or a setting",
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
  "JSON of any shape is planned without throwing",
  fc.property(anything, fc.constantFrom("own", "namespace", "assumed"), (object, optIn) => {
    const cronJob = { spec: { jobTemplate: object } };
    const kinds = optIn === "namespace" ? ["patch", "leave"] : ["patch", "leave", "refuse"];
    expect(kinds).toContain(planJob(object, { optIn }).kind);
    expect(kinds).toContain(planCronJob(object, { optIn }).kind);
    const plan = planCronJob(cronJob, { optIn });
    if (plan.kind !== "refuse") applied(cronJob, plan.patch);
    const pod = { metadata: { labels: { "curfew.sh/injected": "none" } }, spec: object };
    for (const each of [object, pod]) {
      const planned = planPod(each, { optIn });
      if (planned.kind !== "refuse") applied(each, planned.patch);
    }
  }),
);

law(
  "JSON of any shape is updated without throwing, by a valid patch",
  fc.property(anything, anything, (before, after) => {
    applied(after, planUpdate(before, after).patch);
  }),
);

test("JSON nested to any depth is planned and updated without throwing", () => {
  const deep = (): unknown => JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
  const metadata = { labels: { "curfew.sh/enabled": "true" }, annotations: { "curfew.sh/injected": "native" } };
  const jobOf = (spec: object): object => ({ metadata, spec: { template: { spec } } });
  const sidecar = (): object => ({ name: "x", restartPolicy: "Always", deep: deep() });
  const moved = jobOf({ initContainers: [sidecar()], containers: [{ name: "y", deep: deep() }] });
  const manifest = jobOf({ containers: [sidecar(), { name: "y", deep: deep() }] });
  for (const object of [
    deep(),
    { metadata: deep() },
    { metadata: { labels: { "curfew.sh/enabled": deep() } } },
    moved,
  ]) {
    expect(() => planJob(object)).not.toThrow();
  }
  expect(() => planUpdate(deep(), deep())).not.toThrow();
  const { patch, warnings } = planUpdate(moved, manifest);
  expect(JSON.stringify(patch).length).toBeLessThan(500);
  expect(warnings).toEqual([expect.stringContaining("manifest changes it")]);
});

test.each([
  ["containers", 257, "x", "/spec/template/spec/containers has more than 256 items"],
  ["names", 2, "x".repeat(60), "/spec/template/spec/containers/0/name has more than 63 characters"],
])("a Job of 3 MB can't cause a patch of 300 MB: too many or too long %s are refused", (_, count, name, problem) => {
  const containers = Array.from({ length: count }, (_, index) => ({ name: `${name}-${index}-y`, command: ["sh"] }));
  const job = { metadata: { labels: { "curfew.sh/enabled": "true" } }, spec: { template: { spec: { containers } } } };
  expect(planJob(job)).toMatchObject({ kind: "refuse", message: expect.stringContaining(problem) as string });
  expect(planUpdate(job, job)).toEqual({ patch: [], warnings: [] });
});

/** Replaces one of the object's values with junk. */
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
