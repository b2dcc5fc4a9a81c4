/** What a refused Job's author reads: what is in the way, container by container, and the ways out. */
import {
  COMMAND_PREFIX,
  GRACE_PERIOD_PREFIX,
  IGNORE_ANNOTATION,
  MAIN_ANNOTATION,
  SHELL_PREFIX,
  STRATEGY_ANNOTATION,
  type Settings,
} from "./annotations.ts";
import { isNativeSidecar, type Container, type Job } from "./job.ts";
import { LIMITS } from "./limits.ts";
import { INJECTED_ANNOTATION, type MetLimit, type Strategy } from "./plan.ts";
import { quote } from "./quote.ts";

/** Enough to act on; the API server's answer should stay readable. */
const MAX_SHOWN = 8;

/** `wanted` is what was asked for, `limits` what decided. */
export function limitsRefusal(wanted: Strategy | "auto", limits: readonly MetLimit[]): string {
  const shown = limits
    .slice(0, MAX_SHOWN)
    .map(({ limit, message }) => `[${LIMITS[limit].strategy}: ${limit}] ${message}`);
  if (limits.length > MAX_SHOWN) shown.push(`And ${limits.length - MAX_SHOWN} more.`);
  const ways = new Set(
    limits.map(({ limit, container }) => LIMITS[limit].wayOut.replace("CONTAINER", container ?? "CONTAINER")),
  );
  if (wanted !== "auto") ways.add(`choose another strategy with ${STRATEGY_ANNOTATION}`);
  if (limits.some(({ container }) => container !== undefined))
    ways.add(`leave the container alone with ${IGNORE_ANNOTATION}`);
  const subject =
    wanted === "auto" ? "neither strategy can keep its promises" : `strategy ${wanted} cannot keep its promises`;
  return `Curfew cannot end this Job's sidecars: ${subject} here. ${shown.join(" ")} Ways out: ${[...ways].join("; or ")}.`;
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

/** An annotation that names a container which is not there. Init containers count, as native sidecars are some. */
export function strangerNamed(
  { mains, commands, gracePeriods, shells, ignored }: Settings,
  job: Job,
): string | undefined {
  if (!mains && ignored.length + commands.size + gracePeriods.size + shells.size === 0) return undefined;
  const { containers, initContainers } = job.spec.template.spec;
  const stranger = mains?.find((main) => !containers.some(({ name }) => name === main));
  if (stranger !== undefined) return `${MAIN_ANNOTATION} names ${quote(stranger)}, but ${listNames(containers)}.`;
  const known = new Set([...containers, ...(initContainers ?? [])].map(({ name }) => name));
  const ignoredStranger = ignored.find((name) => !known.has(name));
  if (ignoredStranger !== undefined)
    return `${IGNORE_ANNOTATION} names ${quote(ignoredStranger)}, but ${listNames(containers)}.`;
  const named = [
    ...[...commands.keys()].map((name) => [COMMAND_PREFIX, name] as const),
    ...[...gracePeriods.keys()].map((name) => [GRACE_PERIOD_PREFIX, name] as const),
    ...[...shells.keys()].map((name) => [SHELL_PREFIX, name] as const),
  ];
  for (const [prefix, name] of named) {
    if (!known.has(name)) return `${quote(prefix + name)} is for no container here: ${listNames(containers)}.`;
  }
  return undefined;
}

function listNames(containers: readonly Container[]): string {
  const listed = containers.slice(0, 10).map(({ name }) => quote(name));
  if (containers.length > 10) listed.push(`${containers.length - 10} more`);
  return `the Job's containers are ${listed.join(", ")}`;
}

export function brokenWrapper({ name }: Container): string {
  return `${quote(name)} bears Curfew's wrapper, but not the arguments that belong to it. Restore its original command and args.`;
}

export const MAIN_IS_GONE =
  "Every container bears Curfew's wrapper for sidecars, and the main one that they wait for is gone. Restore it, or restore their original command and args.";

/** Of several candidates the first would be a guess, and the main container as a native sidecar would be restarted for ever. */
export const MAIN_CANNOT_BE_TOLD =
  "Sidecars were moved to initContainers already, and since then a container has been added, perhaps by another webhook. " +
  `Which one is the main container cannot be told any more: name it with the annotation ${MAIN_ANNOTATION}.`;
