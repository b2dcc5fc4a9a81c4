/** The admission Pods' operations port, as the API server's proxy reaches it, and what it tells. */
import { docsUrl } from "../../process/docs.ts";
import { askFor, whenKnown, type Answer } from "./answer.ts";
import { bad, good, skipped, type Finding, type Group } from "./finding.ts";

/** An admission Pod that's ready. */
export interface ServingPod {
  readonly name: string;
  /** RFC 3339. */
  readonly startTime: string | undefined;
  /** In Prometheus' text format. The value is undefined if the Pod is gone. */
  readonly metrics: Answer<string | undefined>;
}

export interface OpsPortFacts {
  readonly serving: Answer<readonly ServingPod[]>;
}

export const OPS_PORT_GROUP: Group<OpsPortFacts> = {
  title: "Operations port",
  checks: [{ id: "ops-port", run: ({ serving }) => whenKnown(serving, opsPortFindings) }],
};

function opsPortFindings(pods: readonly ServingPod[]): Finding[] {
  const docs = docsUrl("operations", "metrics-and-logs");
  const answering = pods.filter(({ metrics }) => metrics.kind === "known");
  const [silent] = pods.filter(({ metrics }) => metrics.kind === "unknown");
  const of = `${answering.length} of ${pods.length} admission Pods answer`;
  if (pods.length === 0) return [bad("no admission Pod is ready, so none can answer", "see Deployments above", docs)];
  if (silent?.metrics.kind !== "unknown") return [good(of)];
  const { why, permission } = silent.metrics;
  const hint =
    permission === undefined
      ? "allow the API server in the NetworkPolicy curfew-admission, or look from a Pod: curl http://POD_IP:8080/readyz"
      : askFor(permission);
  return [skipped(`${of}: ${why}`, hint, docs)];
}

/** A sample of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of the metric with this name. https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function samplesOf(metrics: string, name: string): readonly Sample[] {
  return metrics.split("\n").flatMap((line) => {
    const [, labels = "", value] = new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)`).exec(line) ?? [];
    if (value === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", text = ""]) => [key, text] as const);
    return [{ labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}
