/**
 * Goldens: each `golden/SITUATION.in.yaml` has a `SITUATION.golden.yaml` with the plan as people are told of it and the object that
 * comes of it. `npm run golden` writes them anew; read what changed. A first line `# options: {…}` gives the planner's options.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Document, isScalar, parse, parseAllDocuments, visit } from "yaml";
import { planCronJob } from "../../../src/injection/plan-cron-job.ts";
import { planJob } from "../../../src/injection/plan-job.ts";
import type { ContainerPlan, Plan, PlanOptions } from "../../../src/injection/plan.ts";
import { applied } from "../../support/injection/json-patch.ts";
import { abridge, unabridge } from "../../support/injection/placeholder-scripts.ts";

const folder = join(import.meta.dirname, "golden");
const mayWrite = process.env["GOLDEN"] === "write";
const situationsOf = (suffix: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length));
const situations = situationsOf(".in.yaml");
const read = (file: string): string => readFileSync(join(folder, file), "utf8");

if (mayWrite) {
  for (const situation of situationsOf(".golden.yaml")) {
    if (!situations.includes(situation)) rmSync(join(folder, `${situation}.golden.yaml`));
  }
}

test("each golden belongs to a situation, and each situation has one", () => {
  if (mayWrite) return;
  expect(situationsOf(".golden.yaml")).toEqual(situations);
});

describe.each(situations)("%s", (situation) => {
  const text = read(`${situation}.in.yaml`);
  const object = unabridge(parse(text));
  const options = JSON.parse(/^# options: (.*)/.exec(text)?.[1] ?? "{}") as PlanOptions;
  const plan = planOf(object, options);

  test("comes out as the golden says", () => {
    const before = structuredClone(object);
    const document = stringify(outcome(plan));
    const result = plan.kind === "refuse" ? "" : `---\n${stringify(abridge(applied(object, plan.patch)))}`;
    expect(object).toEqual(before);
    if (mayWrite) writeFileSync(join(folder, `${situation}.golden.yaml`), document + result);
    expect(read(`${situation}.golden.yaml`)).toBe(document + result);
  });

  if (plan.kind === "refuse") return;
  test("is left by a second plan, without a patch", () => {
    const golden = parseAllDocuments(read(`${situation}.golden.yaml`))[1];
    const second = planOf(unabridge(golden?.toJS()), options);
    expect(second).toMatchObject({ kind: "leave", patch: [] });
  });
});

/** Lists of short scalars on one line, as people write them. */
function stringify(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_, list) => {
      list.flow = list.items.every((item) => isScalar(item) && String(item.value).length <= 60);
    },
  });
  return document.toString({ lineWidth: 0 });
}

function planOf(object: unknown, options: PlanOptions): Plan {
  return (object as { kind: string }).kind === "CronJob" ? planCronJob(object, options) : planJob(object, options);
}

/** What `explain` and the log would tell, shortened. */
function outcome(plan: Plan): unknown {
  return {
    outcome: plan.kind === "patch" ? `${plan.strategy}, chosen by ${plan.chosenBy}` : `${plan.kind}: ${plan.reason}`,
    ...(plan.kind === "refuse" ? { message: plan.message } : {}),
    ...(plan.kind === "leave" || plan.limits.length === 0 ? {} : { limits: plan.limits.map(describeLimit) }),
    ...(plan.warnings.length === 0 ? {} : { warnings: plan.warnings }),
    ...(plan.containers.length === 0 ? {} : { containers: Object.fromEntries(plan.containers.map(describeContainer)) }),
  };
}

function describeLimit({ limit, container }: { readonly limit: string; readonly container?: string }): string {
  return container === undefined ? limit : `${limit}: ${container}`;
}

function describeContainer(container: ContainerPlan): readonly [string, string] {
  const { name, role, roleSource, argv, argvSource, gracePeriodSeconds: grace } = container;
  const described = [
    `${role} (${roleSource})`,
    argvSource === "unknown" ? "argv unknown" : `runs ${JSON.stringify(argv)} (${argvSource})`,
  ];
  if (grace !== undefined) described.push(`grace period ${grace} s`);
  return [name, described.join(", ")];
}
