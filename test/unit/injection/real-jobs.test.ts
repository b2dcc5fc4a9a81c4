/**
 * What would happen to real Jobs (real-jobs.yaml) with only the label, and with what a refusal asks
 * for.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { planCronJob } from "../../../src/injection/plan-cron-job.ts";
import { planJob } from "../../../src/injection/plan-job.ts";
import type { Plan, PlanOptions } from "../../../src/injection/plan.ts";

interface RealContainer {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly role: "main" | "finisher" | "sidecar";
  readonly stoppable?: boolean;
  readonly endsFirst?: boolean;
}

interface RealJob {
  readonly source: string;
  readonly kind: "Job" | "CronJob";
  readonly name: string;
  readonly restartPolicy: string;
  readonly endsSidecars?: boolean;
  readonly nativeSidecars?: readonly string[];
  readonly containers: readonly RealContainer[];
}

const jobs = parse(readFileSync(join(import.meta.dirname, "real-jobs.yaml"), "utf8")) as readonly RealJob[];

function planOf(job: RealJob, options: PlanOptions, annotations: Readonly<Record<string, string>> = {}): Plan {
  // The planner ignores anything that isn't a container's field.
  const containers = job.containers.map(({ env = {}, ...container }) => ({
    ...container,
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
  }));
  const initContainers = (job.nativeSidecars ?? []).map((name) => ({ name, image: "x", restartPolicy: "Always" }));
  const template = { spec: { restartPolicy: job.restartPolicy, containers, initContainers } };
  const metadata = { labels: { "curfew.sh/enabled": "true" }, annotations };
  return job.kind === "Job"
    ? planJob({ metadata: { ...metadata, name: job.name }, spec: { template } }, options)
    : planCronJob({ metadata: { name: job.name }, spec: { jobTemplate: { metadata, spec: { template } } } }, options);
}

type Outcome = "right" | "refused" | "hangs" | "harmed";

/**
 * `harmed`: work is stopped or repeated. `hangs`: the Job waits for a container that never ends.
 */
function outcomeOf(job: RealJob, plan: Plan): Outcome {
  if (plan.kind === "refuse") return "refused";
  const native = plan.kind === "patch" && plan.strategy === "native";
  const stopped = new Set(plan.containers.filter(({ role }) => role === "sidecar").map(({ name }) => name));
  const isHarmed = ({ name, role, stoppable = false, endsFirst = false }: RealContainer): boolean =>
    stopped.has(name) && role !== "sidecar" && !stoppable && !(endsFirst && !native);
  if (job.containers.some(isHarmed)) return "harmed";
  const runsOn = job.containers.some(({ name, role }) => role === "sidecar" && !stopped.has(name));
  return runsOn && !job.endsSidecars ? "hangs" : "right";
}

const settings: readonly (readonly [string, PlanOptions])[] = [
  ["auto", {}],
  ["auto, without native sidecars", { nativeSidecars: false }],
  ["native", { strategy: "native" }],
];

test("with only the label, no real Job is harmed, and none hangs", () => {
  const rows = settings.map(([title, options]) => {
    const plans = jobs.map((job) => [job, planOf(job, options)] as const);
    const by = (wanted: Outcome) => plans.filter(([job, plan]) => outcomeOf(job, plan) === wanted).length;
    const unclear = plans.filter(([, plan]) => plan.kind === "refuse" && plan.reason === "roles-unclear").length;
    return { title, right: by("right"), refused: by("refused"), unclear, hangs: by("hangs"), harmed: by("harmed") };
  });
  console.table(rows);
  for (const row of rows) expect(row).toMatchObject({ hangs: 0, harmed: 0 });
  expect(rows[0]?.right).toBeGreaterThanOrEqual(40);
  // Under auto, Jobs are refused only because their roles are unclear.
  expect(rows[0]?.refused).toBe(rows[0]?.unclear);
});

describe.each(jobs.map((job) => [`${job.name} (${job.source})`, job] as const))("%s", (_, job) => {
  const plan = planOf(job, {});
  if (plan.kind !== "refuse") {
    test("ends as its author intends", () => {
      expect(outcomeOf(job, plan)).toBe("right");
    });
    return;
  }
  test("is refused with lines to paste, and works as intended with the right one", () => {
    const sidecars = job.containers.filter(({ role }) => role === "sidecar").map(({ name }) => name);
    const inDoubt = plan.containers.filter(({ role }) => role === "unclear").map(({ name }) => name);
    const [, main = ""] = /curfew\.sh\/main: "([^"]*)"/.exec(plan.message) ?? [];
    expect(plan.message).toMatch(/curfew\.sh\/sidecars: "[^"]+"/);
    for (const name of inDoubt) expect(main.split(",")).toContain(name);
    const annotations: Record<string, string> = inDoubt.some((name) => sidecars.includes(name))
      ? { "curfew.sh/sidecars": sidecars.join(",") }
      : { "curfew.sh/main": main };
    expect(outcomeOf(job, planOf(job, {}, annotations))).toBe("right");
  });
});
