/**
 * Jobs and Pods for dry runs. They ask for little, and meet Pod Security's level `restricted`, so
 * that if a cluster refuses one, it's for another reason.
 */
import { ENABLED_KEY, MAIN_ANNOTATION, STRATEGY_ANNOTATION } from "../../injection/names.ts";
import { applyPatch } from "../../offline/edit-yaml.ts";
import { createPlanner } from "../../planner/planner.ts";

type Texts = Readonly<Record<string, string>>;

/** Kubernetes adds five characters. */
const NAME = "curfew-check-";

export interface SampleJob {
  readonly apiVersion: "batch/v1";
  readonly kind: "Job";
  readonly metadata: object;
  readonly spec: { readonly suspend: true; readonly template: { readonly metadata?: object; readonly spec: object } };
}

function container(name: string): object {
  return {
    name,
    // Nobody pulls it.
    image: "busybox:1",
    command: ["sleep", "1"],
    resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  };
}

const POD_SPEC = {
  restartPolicy: "Never",
  automountServiceAccountToken: false,
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
  containers: [container("main"), container("sidecar")],
};

/** A Job with a sidecar. Its roles are clear, so Curfew has no reason to leave it alone. */
export function sampleJob(metadata: { readonly labels?: Texts; readonly annotations?: Texts } = {}): SampleJob {
  const annotations = { [MAIN_ANNOTATION]: "main", ...metadata.annotations };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { generateName: NAME, ...metadata, annotations },
    spec: { suspend: true, template: { spec: POD_SPEC } },
  };
}

/** The same as a Pod that no Job makes. */
export function samplePod(labels: Texts = {}): object {
  const annotations = { [MAIN_ANNOTATION]: "main" };
  return { apiVersion: "v1", kind: "Pod", metadata: { generateName: NAME, labels, annotations }, spec: POD_SPEC };
}

/** The Pod that a Job without Curfew makes. */
export function plainPod(): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { generateName: NAME }, spec: POD_SPEC };
}

/** A Pod of a Job that Curfew has planned, as the Job controller creates it, by the given strategy. */
export function plannedPod(strategy: "trap" | "native", more: readonly string[] = []): object {
  const job = sampleJob({ labels: { [ENABLED_KEY]: "true" }, annotations: { [STRATEGY_ANNOTATION]: strategy } });
  const plan = createPlanner({}).planJob(job);
  if (plan.kind !== "patch") throw new Error(`the sample Job can't be planned: ${plan.kind}`);
  const { template } = (applyPatch(job, plan.patch) as SampleJob).spec;
  const { containers } = template.spec as { readonly containers: readonly object[] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, generateName: NAME },
    spec: { ...template.spec, containers: [...containers, ...more.map(container)] },
  };
}
