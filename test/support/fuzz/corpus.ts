/**
 * What the fuzzer's inputs are made from: the planner's goldens, the examples, and realistic
 * reviews and deliveries.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { createPlanner } from "../../../src/planner/planner.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/wrapper/scripts.generated.ts";
import { reviewOf } from "../admission/admission.ts";
import { webhookPayload } from "../../../sim/buildkite/webhook.ts";
import { applied } from "../injection/json-patch.ts";

const root = join(import.meta.dirname, "../../..");
const FOLDERS = ["test/unit/injection/golden", "examples", "examples/shapes"];

interface Workload {
  readonly kind: "Job" | "CronJob";
  readonly [field: string]: unknown;
}

/** Whole files as people write them, with the goldens' scripts filled in. */
export const MANIFESTS: readonly string[] = FOLDERS.flatMap((folder) =>
  globSync("*.yaml", { cwd: join(root, folder) })
    .sort()
    .map((file) => readFileSync(join(root, folder, file), "utf8"))
    .map((text) =>
      text
        .replaceAll("<main.sh>", () => JSON.stringify(MAIN_SCRIPT))
        .replaceAll("<sidecar.sh>", () => JSON.stringify(SIDECAR_SCRIPT)),
    ),
);

const workloads = MANIFESTS.flatMap((text) => parseAllDocuments(text).map((document) => asJson(document.toJS())))
  .filter((value): value is Workload => isObject(value) && (value["kind"] === "Job" || value["kind"] === "CronJob"))
  .map((workload) => (workload.kind === "Job" ? optedIn(workload) : workload));

/** Every Job, with the label that opts in. */
export const JOBS: readonly Workload[] = workloads.filter(({ kind }) => kind === "Job");

const planner = createPlanner({});

/** Reviews of all Jobs and CronJobs. A Job is created, and applied again over what was admitted. */
export const REVIEWS: readonly unknown[] = workloads.flatMap((object) => {
  const kind = { group: "batch", version: "v1", kind: object.kind };
  const created = reviewOf(object, { kind });
  if (object.kind === "CronJob") return [created];
  const plan = planner.planJob(object);
  if (plan.kind === "refuse") return [created];
  const oldObject = applied(object, plan.patch);
  return [created, reviewOf(object, { kind, operation: "UPDATE", oldObject }), reviewOf(oldObject, { kind })];
});

const BUILDKITE_JOB = { id: "01990000-0000-4000-8000-00000000000f" };

export const DELIVERIES: readonly Record<string, unknown>[] = [
  webhookPayload("job.scheduled", BUILDKITE_JOB),
  webhookPayload("job.finished", { ...BUILDKITE_JOB, state: "finished" }),
  webhookPayload("job.started", BUILDKITE_JOB),
  { event: "ping", service: { id: "01990000-0000-4000-8000-000000000010" }, sender: null },
];

function optedIn(job: Workload): Workload {
  const metadata = isObject(job["metadata"]) ? job["metadata"] : {};
  const labels = isObject(metadata["labels"]) ? metadata["labels"] : {};
  return { ...job, metadata: { ...metadata, labels: { ...labels, "curfew.sh/enabled": "true" } } };
}

/** As JSON.parse would read it: no references shared between the parts, nothing undefined. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
