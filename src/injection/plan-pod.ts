/** Plans a Pod: one that's opted in itself, or one of a Job that was planned already. */
import { findEarlierPass } from "./earlier-pass.ts";
import { asJob, IN_POD, isNativeSidecar, podNamesOf, type Container, type PodTemplate } from "./job.ts";
import { planLate } from "./late-containers.ts";
import { leave } from "./leave-or-refuse.ts";
import { INJECTED_KEY } from "./names.ts";
import { refuseMalformed, unlessPodOptsIn } from "./opt-in.ts";
import { parsePod } from "./parse-job.ts";
import type { Plan, PlanOptions, PodPlan } from "./plan.ts";
import { planWorkload } from "./plan-workload.ts";
import { LEAVE_REASONS } from "./reasons.ts";
import { podRecord, type PodRecord } from "./record.ts";
import { ARGV0 } from "./wrapper/wrapper.ts";

/** kubelet writes it on the copy of a static Pod (kubernetes/kubernetes, pkg/kubelet/types/pod_update.go). */
const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

/**
 * Decides what to do with a v1 Pod. If its Job was planned, which its label says, only containers
 * that were added since are looked at. Otherwise it's planned as a Job with this template would be.
 * Never throws for what a Pod holds: a value that isn't a Pod is refused, and the message says where
 * it's wrong.
 */
export function planPod(pod: unknown, options: PlanOptions = {}): PodPlan {
  if (isOfPlannedJob(pod)) {
    const parsed = parsePod(pod);
    const record = "pod" in parsed ? podRecord(parsed.pod.metadata) : undefined;
    if (!("pod" in parsed) || !record || !hasMain(parsed.pod, record)) return leave("no-late-containers", []);
    return planLate(parsed.pod, record, options, "no-late-containers");
  }
  const left = unlessPodOptsIn(pod, options);
  if (left) return inPodsWords(left);
  const parsed = parsePod(pod);
  if ("problem" in parsed) return inPodsWords(refuseMalformed("Pod", parsed.problem));
  return planOptedIn(parsed.pod, options);
}

function planOptedIn(pod: PodTemplate, options: PlanOptions): PodPlan {
  const { metadata, spec } = pod;
  if (metadata?.annotations?.[MIRROR_ANNOTATION] !== undefined) return leave("static-pod", []);
  // Kubernetes' default for a Pod is Always. Jobs have none, as they don't accept Always.
  if ((spec.restartPolicy ?? "Always") === "Always") {
    return leave("runs-forever", [`${LEAVE_REASONS["runs-forever"]} ${HOW_TO_END}`]);
  }
  const record = podRecord(metadata);
  if (record && isAsRecorded(pod, record)) return planLate(pod, record, options, "already-injected");
  return inPodsWords(planWorkload(IN_POD, asJob(pod), podNamesOf(metadata ?? {}), options));
}

const HOW_TO_END = "Curfew leaves it alone. If it's meant to end, set restartPolicy to Never or OnFailure.";

function isOfPlannedJob(pod: unknown): boolean {
  const { metadata } = (pod ?? {}) as { readonly metadata?: PodTemplate["metadata"] };
  return metadata?.labels?.[INJECTED_KEY] !== undefined;
}

function hasMain({ spec }: PodTemplate, { mains }: PodRecord): boolean {
  return spec.containers.some(({ name }) => mains.has(name));
}

/**
 * Whether the Pod is as its record says, so that whatever isn't in the record came later. A record
 * that was copied or written by hand proves nothing.
 */
function isAsRecorded(pod: PodTemplate, record: PodRecord): boolean {
  if (!hasMain(pod, record)) return false;
  const earlier = findEarlierPass(asJob(pod));
  if ("brokenWrapper" in earlier) return false;
  const done = pod.metadata?.annotations?.[INJECTED_KEY];
  const native = new Set((pod.spec.initContainers ?? []).filter(isNativeSidecar).map(({ name }) => name));
  const sidecars = [...record.sidecars];
  if (done !== "trap") return sidecars.every((name) => native.has(name));
  const wrapped = new Set(pod.spec.containers.filter(isWrapped).map(({ name }) => name));
  return (
    [...record.mains].every((name) => wrapped.has(name)) &&
    sidecars.every((name) => wrapped.has(name) || native.has(name))
  );
}

/** Some webhooks put a program before the wrapper, such as `vault-env`. */
function isWrapped({ command, args }: Container): boolean {
  return [...(command ?? []), ...(args ?? [])].includes(ARGV0);
}

/**
 * The planner's sentences are about Jobs. `podFailurePolicy` and the like aren't words for the Job,
 * and what's quoted is somebody else's.
 */
function inPodsWords<P extends Plan>(plan: P): P {
  const reword = (text: string): string =>
    text.replace(/"(?:[^"\\]|\\.)*"|\bJob/g, (found) => (found === "Job" ? "Pod" : found));
  return {
    ...plan,
    warnings: plan.warnings.map(reword),
    ...("message" in plan ? { message: reword(plan.message) } : {}),
    ...("waysOut" in plan ? { waysOut: plan.waysOut.map(reword) } : {}),
  };
}
