/** Compares the alerts and the dashboard of manifests/monitoring with the metrics that the code has. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { createCertsMetrics } from "../../../certs/metrics.ts";
import { createAdmissionMetrics } from "../../../src/admission/metrics.ts";
import { watchClock } from "../../../src/dispatch/buildkite/clock-skew.ts";
import { createViewMetrics } from "../../../src/dispatch/jobs/views.ts";
import { createQueueMetrics } from "../../../src/dispatch/queue/metrics.ts";
import { createDeliveryMetrics } from "../../../src/dispatch/webhook/metrics.ts";
import { docsUrl } from "../../../src/process/docs.ts";
import { createRegistry } from "../../../src/process/metrics.ts";
import { sectionsOf } from "../../support/markdown.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const { spec } = parse(read("manifests/monitoring/prometheus-rule.yaml")) as { spec: Groups };
const dashboard = JSON.parse(read("manifests/monitoring/dashboard.json")) as { panels: readonly Panel[] };
const rules = spec.groups.flatMap((group) => group.rules);
const expressions = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr }))),
];

/** Each metric by each name that it's scraped under, with its labels. */
const metrics = new Map<string, readonly string[]>();
{
  const registry = createRegistry();
  createAdmissionMetrics(registry);
  createCertsMetrics(registry);
  createDeliveryMetrics(registry);
  createQueueMetrics(registry, [], Date.now);
  createViewMetrics(registry, []);
  watchClock(registry, { warn: () => undefined });
  // prom-client's types lack the metric's labelNames, which are needed here.
  for (const { name, labelNames, type } of registry.getMetricsAsArray() as unknown as {
    name: string;
    labelNames: readonly string[];
    type: string;
  }[]) {
    metrics.set(name, labelNames);
    if (type === "histogram") metrics.set(`${name}_bucket`, [...labelNames, "le"]);
  }
}
/** What Prometheus, or the operator's PodMonitor, adds to each series. */
const TARGET_LABELS = ["namespace", "pod"];

describe.each(expressions)("$where: $expr", ({ expr }) => {
  test("uses only metrics and labels that exist", () => {
    const ours = [...expr.matchAll(/\b((?:curfew|process)_\w+)(?:\{([^}]*)\})?/g)];
    expect(ours.length + [...expr.matchAll(/\bapiserver_admission_webhook_\w+/g)].length).toBeGreaterThan(0);
    for (const [, name = "", selector = ""] of ours) {
      expect([...metrics.keys()]).toContain(name);
      const known = [...(metrics.get(name) ?? []), ...TARGET_LABELS];
      for (const [, label = ""] of selector.matchAll(/(\w+)(?:=~|!=|!~|=)"/g)) expect(known).toContain(label);
    }
  });
});

test("every one of Curfew's own metrics is in the dashboard, an alert, or both", () => {
  const asked = expressions.map(({ expr }) => expr).join("\n");
  const silent = [...metrics.keys()].filter((name) => name.startsWith("curfew_") && !asked.includes(name));
  expect(silent.filter((name) => !asked.includes(`${name}_bucket`)).sort()).toEqual([
    "curfew_dispatch_create_retries_total",
    "curfew_dispatch_delivery_age_seconds",
    "curfew_dispatch_delivery_age_seconds_bucket",
    "curfew_dispatch_jobs_deleted_total",
    "curfew_dispatch_reconcile_passes_total",
  ]);
});

test("every counter that an alert watches starts with 0, for every outcome that the alert names", async () => {
  const registry = createRegistry();
  createAdmissionMetrics(registry);
  createCertsMetrics(registry);
  createDeliveryMetrics(registry);
  createQueueMetrics(registry, ["a"], Date.now);
  const seeded = await registry.getMetricsAsJSON();
  const missing = rules.flatMap(({ alert, expr }) =>
    [...expr.matchAll(/(?:rate|increase)\((curfew_\w+)(?:\{([^}]*)\})?/g)]
      .filter(([, name = ""]) => !name.endsWith("_bucket"))
      .flatMap(([, name = "", selector = ""]) => {
        const { values = [] } = seeded.find((metric) => metric.name === name) ?? {};
        const asked = [...selector.matchAll(/(\w+)=~?"([^"]*)"/g)].map(([, label = "", text = ""]) => ({
          label,
          text,
        }));
        const wanted = asked.flatMap(({ label, text }) => text.split("|").map((value) => ({ label, value })));
        const absent = wanted.filter(({ label, value }) => !values.some(({ labels }) => labels[label] === value));
        return values.length === 0 ? [`${alert}: ${name}`] : absent.map(({ value }) => `${alert}: ${name} ${value}`);
      }),
  );
  expect(missing).toEqual([]);
});

test("every alert says what's wrong and what to do, in any namespace, and has its place in docs/alerts.md", () => {
  for (const { alert, annotations } of rules) {
    expect(Object.keys(annotations).sort()).toEqual(["action", "runbook_url", "summary"]);
    expect(Object.values(annotations).join("\n")).not.toContain("curfew-system");
    expect(annotations["runbook_url"]).toBe(docsUrl("alerts", alert.toLowerCase()));
  }
  const described = sectionsOf(read("docs/alerts.md")).filter(({ level }) => level === 3);
  expect(described.map(({ heading }) => heading)).toEqual(rules.map(({ alert }) => alert));
});

test("docs/alerts.md says how urgent each alert is, as its label does", () => {
  for (const { heading, text } of sectionsOf(read("docs/alerts.md")).filter(({ level }) => level === 3)) {
    const { labels } = rules.find(({ alert }) => alert === heading) ?? {};
    expect(text.trim().split(".")[0]?.toLowerCase(), heading).toBe(labels?.["severity"]);
  }
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
test.skipIf(!promtool && process.env["CI"] === undefined)(
  "promtool accepts the rules, and each alert fires only when it should (skipped without promtool)",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "curfew-rules-"));
    const run = (...args: string[]): string => {
      const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: folder, encoding: "utf8" });
      return status === 0 ? "" : stdout + stderr;
    };
    try {
      writeFileSync(join(folder, "whole.yaml"), stringify(spec));
      expect(run("check", "rules", "whole.yaml")).toBe("");
      // promtool's tests would compare annotations too, but those are prose.
      const bare = spec.groups.map((group) => ({
        ...group,
        rules: group.rules.map((rule) => ({ ...rule, annotations: {} })),
      }));
      writeFileSync(join(folder, "rules.yaml"), stringify({ groups: bare }));
      copyFileSync(join(import.meta.dirname, "alerts.promtool.yaml"), join(folder, "alerts.yaml"));
      expect(run("test", "rules", "alerts.yaml")).toBe("");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
