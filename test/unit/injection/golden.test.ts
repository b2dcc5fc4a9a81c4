/**
 * The goldens. `npm run golden` rewrites them: read what changed. test/support/injection/goldens.ts
 * says what's in them.
 */
import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Document, isScalar, visit } from "yaml";
import { planCronJob } from "../../../src/injection/plan-cron-job.ts";
import { planJob } from "../../../src/injection/plan-job.ts";
import { planPod } from "../../../src/injection/plan-pod.ts";
import type { ContainerPlan, PlanOptions, PodPlan } from "../../../src/injection/plan.ts";
import { documentsOf, orphanedGoldens, SITUATIONS } from "../../support/injection/goldens.ts";
import { applied } from "../../support/injection/json-patch.ts";
import { abridge } from "../../support/injection/placeholder-scripts.ts";

const HINT = "`npm run golden` rewrites the goldens: read what changed";

test("each golden belongs to a situation", () => {
  // Vitest itself removes no file that a test doesn't name.
  const updates = expect.getState().snapshotState.snapshotUpdateState === "all";
  for (const file of updates ? orphanedGoldens() : []) rmSync(file);
  expect(orphanedGoldens(), HINT).toEqual([]);
});

describe.each(SITUATIONS)("$name", ({ text, options = {}, goldenFile }) => {
  const [object] = documentsOf(text);
  const plan = planOf(object, options);
  const result = plan.kind === "refuse" ? "" : stringify(abridge(applied(object, plan.patch)));

  test("has the result that the golden says", async () => {
    expect(object).toEqual(documentsOf(text)[0]);
    await expect(`${stringify(outcome(plan))}${result && `---\n${result}`}`, HINT).toMatchFileSnapshot(goldenFile);
  });

  if (plan.kind === "refuse") return;
  test("is left alone by a second plan, without a patch", () => {
    const second = planOf(documentsOf(result)[0], options);
    // What was left stays left, and says so again.
    const kind = plan.kind === "late" && plan.left.length > 0 ? "late" : "leave";
    expect(second).toMatchObject({ kind, patch: [] });
  });
});

/** Writes lists of short scalars on one line, as people do. */
function stringify(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_, list) => {
      list.flow = list.items.every((item) => isScalar(item) && String(item.value).length <= 60);
    },
  });
  return document.toString({ lineWidth: 0 });
}

function planOf(object: unknown, options: PlanOptions): PodPlan {
  const planners: Readonly<Record<string, typeof planPod>> = { CronJob: planCronJob, Job: planJob, Pod: planPod };
  const { kind } = object as { readonly kind: string };
  const planner = planners[kind];
  if (!planner) throw new Error(`no planner for ${kind}`);
  return planner(object, options);
}

/** What `explain` and the log would say, shortened. */
function outcome(plan: PodPlan): unknown {
  return {
    outcome: verdictOf(plan),
    ...(plan.kind === "refuse" ? { message: plan.message } : {}),
    ...(plan.kind === "leave" || plan.limits.length === 0 ? {} : { limits: plan.limits.map(describeLimit) }),
    ...(plan.warnings.length === 0 ? {} : { warnings: plan.warnings }),
    ...(plan.containers.length === 0 ? {} : { containers: Object.fromEntries(plan.containers.map(describeContainer)) }),
  };
}

function verdictOf(plan: PodPlan): string {
  switch (plan.kind) {
    case "patch":
      return `${plan.strategy}, chosen by ${plan.chosenBy}`;
    case "late":
      return `late: moved ${plan.moved.join(", ") || "none"}; left ${plan.left.join(", ") || "none"}`;
    case "leave":
    case "refuse":
      return `${plan.kind}: ${plan.reason}`;
  }
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
