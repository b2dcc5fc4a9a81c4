/** Compares docs/metrics.md with the metrics that each process has. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCertsMetrics } from "../../../certs/metrics.ts";
import type { Step } from "../../../certs/plan.ts";
import { STEP_REASONS } from "../../../certs/reasons.ts";
import { OPERATIONS, type ReviewRequest } from "../../../src/admission/admission-review.ts";
import { createAdmissionMetrics, type FailureReason } from "../../../src/admission/metrics.ts";
import type { Decision } from "../../../src/admission/review.ts";
import { watchClock } from "../../../src/dispatch/buildkite/clock-skew.ts";
import type { WebhookEvent } from "../../../src/dispatch/buildkite/event.ts";
import type { RejectReason } from "../../../src/dispatch/buildkite/signature.ts";
import { createViewMetrics } from "../../../src/dispatch/jobs/views.ts";
import { createQueueMetrics, type EnsureOutcomeKind } from "../../../src/dispatch/queue/metrics.ts";
import type { Route } from "../../../src/dispatch/queue/route.ts";
import { createDeliveryMetrics, type DeliveryOutcome } from "../../../src/dispatch/webhook/metrics.ts";
import { createRegistry } from "../../../src/process/metrics.ts";
import type { Registry } from "../../../src/process/prometheus.ts";
import { codeIn, itemsOf, paragraphsOf, sectionsBelow, type Section } from "../../support/markdown.ts";

const docs = readFileSync(join(import.meta.dirname, "../../../docs/metrics.md"), "utf8");

interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

/** What a process adds to a registry. */
function metricsOf(add: (registry: Registry) => unknown): readonly Metric[] {
  const registry = createRegistry();
  const common = new Set(arrayOf(registry).map(({ name }) => name));
  add(registry);
  return arrayOf(registry).filter(({ name }) => !common.has(name));
}

/** A metric has more properties than prom-client's types say. */
function arrayOf(registry: Registry): readonly Metric[] {
  return registry.getMetricsAsArray() as unknown as readonly Metric[];
}

function documented({ heading, text }: Section): Metric {
  const [first = ""] = paragraphsOf(text);
  return {
    name: codeIn(heading)[0] ?? "",
    type: /^(\w+)\./.exec(first)?.[1]?.toLowerCase() ?? "",
    labelNames: labelsOf(text).map(([label]) => label),
  };
}

/** The first list under a metric has its labels. A second one explains values. */
function labelsOf(text: string): readonly (readonly [label: string, rest: string])[] {
  const [list = ""] = text.split(/\n\n(?!- )/).filter((part) => /(?:^|\n)- /.test(part));
  return itemsOf(list).map((item) => {
    const [, label = "", rest = ""] = /^`(\w+)`:? ?(.*)$/.exec(item) ?? [];
    return [label, rest];
  });
}

test.each<[string, readonly Metric[]]>([
  ["Every process", arrayOf(createRegistry())],
  ["curfew admission", metricsOf(createAdmissionMetrics)],
  ["curfew certs", metricsOf(createCertsMetrics)],
  [
    "curfew dispatch",
    metricsOf((registry) => {
      createDeliveryMetrics(registry);
      createQueueMetrics(registry, [], Date.now);
      watchClock(registry, { warn: () => undefined });
      createViewMetrics(registry, []);
    }),
  ],
])("docs/metrics.md has exactly the metrics of %s, with their types and labels", (process, metrics) => {
  const actual = metrics.map(({ name, type, labelNames }) => ({ name, type, labelNames: [...labelNames] }));
  expect(sectionsBelow(docs, process).map(documented)).toEqual(actual);
});

describe("docs/metrics.md has the values of", () => {
  const sections = ["curfew admission", "curfew certs", "curfew dispatch"].flatMap((each) => sectionsBelow(docs, each));
  const section = (metric: string): string => sections.find(({ heading }) => heading === `\`${metric}\``)?.text ?? "";
  /** What a metric's text has in backquotes after a label, or after one of its values. */
  const valuesOf = (metric: string, label: string): readonly string[] =>
    itemsOf(section(metric))
      .filter((item) => item.startsWith(`\`${label}\``))
      .flatMap((item) => codeIn(item).slice(1));

  /**
   * The values of a type, which can't be iterated over. The compiler checks that this lists each of
   * them, and no others.
   */
  const listed = <Value extends string>(values: Readonly<Record<Value, true>>): readonly string[] =>
    Object.keys(values);

  const outcomes = listed<Decision["outcome"] | "failed">({
    patched: true,
    "left-alone": true,
    refused: true,
    checked: true,
    restored: true,
    passed: true,
    failed: true,
  });
  const failures = listed<FailureReason>({
    "not-json": true,
    "not-a-review": true,
    "unsupported-version": true,
    "no-uid": true,
    "no-operation": true,
    "too-large": true,
    busy: true,
    "content-type": true,
    path: true,
    method: true,
    aborted: true,
    bug: true,
  });
  const passes = listed<Extract<Decision, { outcome: "passed" }>["reason"]>({
    "nothing-to-restore": true,
    "other-kind": true,
    "other-operation": true,
  });
  const kinds = listed<ReviewRequest["kind"] | "unknown">({
    Job: true,
    CronJob: true,
    Pod: true,
    other: true,
    unknown: true,
  });
  const steps = listed<Step["kind"]>({
    "create-authority": true,
    publish: true,
    "issue-certificate": true,
    "retire-authorities": true,
  });
  const deliveries = listed<DeliveryOutcome>({
    created: true,
    duplicate: true,
    ignored: true,
    deferred: true,
    refused: true,
    unavailable: true,
    rejected: true,
  });
  const ignored = listed<
    | Extract<WebhookEvent, { kind: "ignored" }>["reason"]
    | Extract<Route, { kind: "elsewhere" }>["reason"]
    | "ping"
    | "over"
    | "not-reserved"
  >({
    ping: true,
    "other-event": true,
    "not-a-script": true,
    over: true,
    "other-organization": true,
    "other-cluster": true,
    "other-queue": true,
    "unserved-tags": true,
    "not-reserved": true,
  });
  const signatures = listed<RejectReason>({
    missing: true,
    malformed: true,
    mismatch: true,
    "outside-window": true,
  });
  const attempts = listed<EnsureOutcomeKind>({
    created: true,
    exists: true,
    "name-taken": true,
    forbidden: true,
    refused: true,
    unavailable: true,
    "not-reserved": true,
  });

  test.each<[string, string, readonly string[]]>([
    ["curfew_admission_requests_total", "kind", kinds],
    ["curfew_admission_requests_total", "operation", [...OPERATIONS, "unknown"]],
    ["curfew_admission_requests_total", "outcome", outcomes],
    ["curfew_admission_requests_total", "passed", passes],
    ["curfew_admission_duration_seconds", "operation", OPERATIONS],
    ["curfew_certs_steps_total", "step", steps],
    ["curfew_certs_steps_total", "reason", Object.keys(STEP_REASONS)],
    ["curfew_dispatch_deliveries_total", "outcome", deliveries],
    ["curfew_dispatch_deliveries_total", "ignored", ignored],
    ["curfew_dispatch_jobs_total", "outcome", attempts],
  ])("%s: %s", (metric, label, values) => {
    expect(valuesOf(metric, label)).toEqual(values);
  });

  test("failed reviews", () => {
    expect(valuesOf("curfew_admission_requests_total", "failed")).toEqual(["failurePolicy", ...failures]);
  });

  test("rejected signatures", () => {
    const documented = valuesOf("curfew_dispatch_deliveries_total", "rejected");
    const prefix = "signature-";
    expect(documented.filter((each) => each.startsWith(prefix))).toEqual(signatures.map((each) => prefix + each));
  });

  test("every outcome is explained", () => {
    for (const [metric, values] of [
      ["curfew_admission_requests_total", outcomes],
      ["curfew_dispatch_deliveries_total", deliveries],
    ] as const) {
      const explained = itemsOf(section(metric)).flatMap((item) => codeIn(item).slice(0, 1));
      expect(explained).toEqual(expect.arrayContaining([...values]));
    }
  });
});
