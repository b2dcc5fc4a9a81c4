/** What a refused Job's author reads: what is in the way, container by container, and the ways out. */
import { IGNORE_ANNOTATION, MAIN_ANNOTATION, STRATEGY_ANNOTATION } from "./annotations.ts";
import { isNativeSidecar, type Container, type Job } from "./job.ts";
import { LIMITS } from "./limits.ts";
import { byLimit, sentenceOf } from "./met-limit.ts";
import { INJECTED_ANNOTATION, type MetLimit, type Strategy } from "./plan.ts";
import { quote } from "./quote.ts";

/** Enough to act on; the API server's answer should stay readable. */
const MAX_SHOWN = 8;
const MAX_NAMES = 4;

/** What can be done whatever the limits. `other` is the strategy that wasn't asked for, and would do. */
export function generalWaysOut(limits: readonly MetLimit[], other: Strategy | undefined): readonly string[] {
  const ways = other === undefined ? [] : [`set ${STRATEGY_ANNOTATION}: ${other}, which can`];
  if (limits.some(({ container }) => container !== undefined))
    ways.push(`leave a container alone with ${IGNORE_ANNOTATION}, if it ends by itself`);
  return ways;
}

/** `wanted` is what was asked for, `limits` are those that decided, `general` what can be done besides their own ways out. */
export function limitsRefusal(
  wanted: Strategy | "auto",
  limits: readonly MetLimit[],
  general: readonly string[],
): string {
  const groups = byLimit(limits);
  const shown = groups.slice(0, MAX_SHOWN).map(([limit, group]) => {
    const named = sentenceOf(limit, group.slice(0, MAX_NAMES));
    const more = group.length > MAX_NAMES ? ` (So do ${group.length - MAX_NAMES} more containers.)` : "";
    return `[${LIMITS[limit].strategy}: ${limit}] ${named}${more}`;
  });
  if (groups.length > MAX_SHOWN) shown.push(`And ${groups.length - MAX_SHOWN} more limits.`);
  const ways = groups.slice(0, MAX_SHOWN).map(([limit, [first, second]]) => {
    const name = second === undefined ? first?.container : undefined;
    return LIMITS[limit].wayOut.replace("CONTAINER", name ?? "CONTAINER");
  });
  const subject = wanted === "auto" ? "neither strategy can" : `strategy ${wanted} can't`;
  return `Curfew can't end this Job's sidecars: ${subject} keep its promises here. ${shown.join(" ")} Ways out: ${[...ways, ...general].join("; or ")}.`;
}

/**
 * A webhook that decodes Pods with types older than Kubernetes 1.28 drops `restartPolicy` from init containers, and then the first
 * sidecar never lets the Pod start. Undefined: nothing of the kind.
 */
export function strippedSidecars(job: Job): string | undefined {
  const initContainers = job.spec.template.spec.initContainers ?? [];
  if (job.metadata?.annotations?.[INJECTED_ANNOTATION] !== "native") return undefined;
  if (initContainers.length === 0 || initContainers.some(isNativeSidecar)) return undefined;
  return (
    `${INJECTED_ANNOTATION} is native, but no init container has restartPolicy: Always any more: another webhook or tool has removed ` +
    `it, and the Job would hang before its main container starts. Update that webhook, or set ${STRATEGY_ANNOTATION}: trap.`
  );
}

export function brokenWrapper({ name }: Container): string {
  return `${quote(name)} bears Curfew's wrapper, but not the arguments that belong to it. Restore its original command and args.`;
}

export const MAIN_IS_GONE =
  "Every container bears Curfew's wrapper for sidecars, and the main one that they wait for is gone. Restore it, or restore their original command and args.";

/** The main container, taken for a native sidecar, would be restarted for ever. */
export const MAIN_CANNOT_BE_TOLD =
  "Sidecars were moved to initContainers already, and then something added a container, perhaps another webhook. " +
  `Nothing shows any more which one is the main container: name it with the annotation ${MAIN_ANNOTATION}.`;
