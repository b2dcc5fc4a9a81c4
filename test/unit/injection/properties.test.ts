/** Laws that hold for any Job. */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { planJob } from "../../../src/injection/plan-job.ts";
import { planUpdate } from "../../../src/injection/plan-update.ts";
import type { Plan, PlanOptions } from "../../../src/injection/plan.ts";
import { applyAgain, withoutNulls } from "../../support/injection/apply.ts";
import type { GeneratedContainer } from "../../support/injection/arbitrary-container.ts";
import { arbitraryJob, arbitraryOptions, type GeneratedJob } from "../../support/injection/arbitrary-job.ts";
import { byRole, expectNative, expectTrap, podSpecOf, without } from "../../support/injection/expect-patched.ts";
import { applied } from "../../support/injection/json-patch.ts";
import { law } from "../../support/law.ts";

interface Case {
  readonly job: GeneratedJob;
  readonly options: PlanOptions;
  readonly plan: Plan;
  readonly result: GeneratedJob;
}

/** A law about the result for any Job. */
const lawOfCases = (title: string, check: (considered: Case) => void): void => {
  law(
    title,
    fc.property(arbitraryJob, arbitraryOptions, (job, options) => {
      const before = structuredClone(job);
      const plan = planJob(job, options);
      expect(job).toEqual(before);
      const result = plan.kind === "refuse" ? job : applied(job, plan.patch);
      check({ job, options, plan, result: result as GeneratedJob });
    }),
  );
};

describe("a patch", () => {
  lawOfCases("changes only containers, initContainers, volumes, podFailurePolicy and the record", ({ job, result }) => {
    const rest = (whole: GeneratedJob): unknown => {
      const { spec, metadata, ...others } = whole;
      const { template, ...jobSpec } = spec;
      return {
        others,
        metadata: withoutAnnotations(metadata, "curfew.sh/injected"),
        jobSpec: without(jobSpec, "podFailurePolicy"),
        template: without(template, "spec", "metadata"),
        templateMetadata: withoutRecord(template.metadata),
        podSpec: without(template.spec, "containers", "initContainers", "volumes"),
      };
    };
    expect(withoutNulls(rest(result))).toEqual(withoutNulls(rest(job)));
  });

  lawOfCases("is made only once: a second plan leaves the Job alone, without a patch", ({ plan, result, options }) => {
    if (plan.kind !== "refuse") expect(planJob(result, options)).toMatchObject({ kind: "leave", patch: [] });
  });

  lawOfCases(
    "under trap wraps mains and sidecars around one emptyDir, under native moves sidecars after the init containers",
    ({ job, plan, result }) => {
      if (plan.kind === "patch") (plan.strategy === "trap" ? expectTrap : expectNative)(job, plan, result);
    },
  );

  lawOfCases("has a main and a sidecar, and a Job that's left alone has no sidecar", ({ plan }) => {
    if (plan.kind === "patch") {
      expect(byRole(plan, "main")).not.toEqual([]);
      expect(byRole(plan, "sidecar")).not.toEqual([]);
    } else if (plan.kind === "leave") {
      expect(byRole(plan, "sidecar")).toEqual([]);
    }
  });
});

describe.each([
  ["before", (late: GeneratedContainer, others: readonly GeneratedContainer[]) => [late, ...others]],
  ["after", (late: GeneratedContainer, others: readonly GeneratedContainer[]) => [...others, late]],
])("a container that another webhook adds %s the others", (_, added) => {
  const addedTo = ({ result, options }: Case, name: string): readonly [GeneratedJob, Plan] => {
    const between = structuredClone(result);
    const { containers } = podSpecOf(between);
    Object.assign(podSpecOf(between), {
      containers: added({ name, image: "alpine", command: ["sh", "-c", "sleep 9"] }, containers),
    });
    return [between, planJob(between, options)];
  };
  const saysRoles = ({ job }: Case): boolean =>
    ["curfew.sh/main", "curfew.sh/sidecars"].some((key) => key in (job.metadata.annotations ?? {}));

  lawOfCases("is stopped too if it's known to be a sidecar, and what was patched stays as it was", (first) => {
    if (first.plan.kind !== "patch" || saysRoles(first)) return;
    const [between, second] = addedTo(first, "late-proxy");
    if (second.kind === "refuse") throw new Error(second.message);
    expect(byRole(second, "main")).toEqual(byRole(first.plan, "main"));
    expect(byRole(second, "sidecar")).toContain("late-proxy");
    const after = podSpecOf(applied(between, second.patch) as GeneratedJob);
    expect(after.containers.filter(({ name }) => name !== "late-proxy")).toEqual(podSpecOf(first.result).containers);
  });

  lawOfCases("is never stopped if nothing shows that it's a sidecar: the Job is refused", (first) => {
    if (first.plan.kind !== "patch" || saysRoles(first)) return;
    const [, second] = addedTo(first, "late");
    expect(second).toMatchObject({ kind: "refuse" });
    expect(byRole(second, "sidecar")).not.toContain("late");
  });
});

describe("the record on the Pod template", () => {
  lawOfCases("names each main container and each sidecar, and no others", ({ plan, result }) => {
    if (plan.kind !== "patch") return;
    const { annotations } = result.spec.template.metadata ?? {};
    expect(annotations?.["curfew.sh/main"]?.split(",")).toEqual(byRole(plan, "main"));
    expect(annotations?.["curfew.sh/sidecars"]?.split(",")).toEqual(byRole(plan, "sidecar"));
  });
});

describe("a refusal", () => {
  lawOfCases("says why, on one line that fits a screen", ({ plan }) => {
    if (plan.kind !== "refuse") return;
    const { message, limits } = plan;
    expect(message).toMatch(/^[^\p{C}]{20,3000}\.$/u);
    for (const { container } of limits.slice(0, 8)) expect(message).toContain(container ?? "");
  });
});

describe("applying the same manifest again", () => {
  lawOfCases("by replacing it gives back the admitted Job", ({ job, result }) => {
    const { patch } = planUpdate(result, job);
    expect(withoutNulls(applied(job, patch))).toEqual(withoutNulls(result));
  });

  lawOfCases("by kubectl apply gives back the admitted Job", ({ job, result }) => {
    const after = applyAgain(result, job);
    const { patch } = planUpdate(result, after);
    expect(withoutNulls(applied(after, patch))).toEqual(withoutNulls(result));
  });

  lawOfCases("changes nothing if there's nothing to put back", ({ result }) => {
    expect(planUpdate(result, result)).toEqual({ patch: [], warnings: [] });
  });
});

function withoutRecord(metadata: Annotated): unknown {
  const labels = without(metadata?.labels ?? {}, "curfew.sh/injected");
  const unlabelled = { ...metadata, labels: Object.keys(labels).length === 0 ? null : labels };
  return withoutAnnotations(
    unlabelled,
    "curfew.sh/injected",
    "curfew.sh/main",
    "curfew.sh/sidecars",
    "curfew.sh/ignore",
    "curfew.sh/late-containers",
  );
}

function withoutAnnotations(metadata: Annotated, ...keys: readonly string[]): unknown {
  const annotations = without(metadata?.annotations ?? {}, ...keys);
  return { ...metadata, annotations: Object.keys(annotations).length === 0 ? null : annotations };
}

type Annotated = Partial<Record<"annotations" | "labels", object | null>> | null | undefined;
