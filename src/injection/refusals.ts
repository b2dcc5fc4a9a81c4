/**
 * What a refused Job's author reads: what's in the way, container by container, and how to fix it.
 */
import { IGNORE_ANNOTATION, SIDECARS_ANNOTATION, STRATEGY_ANNOTATION, type Strategy } from "./names.ts";
import type { Container } from "./job.ts";
import { LIMITS } from "./limits.ts";
import { byLimit, sentenceOf, wayOutOf, type MetLimit } from "./met-limit.ts";
import { quote } from "./quote.ts";

/** Enough to act on, and few enough that the API server's answer stays readable. */
const MAX_SHOWN = 8;

/**
 * Ways out that don't depend on the limits. `other` is a strategy that wasn't asked for but would
 * work.
 */
export function generalWaysOut(limits: readonly MetLimit[], other: Strategy | undefined): readonly string[] {
  const ways = other === undefined ? [] : [`set ${STRATEGY_ANNOTATION}: ${other}, which works for this Job`];
  if (limits.some(({ container }) => container !== undefined))
    ways.push(`name a container in ${IGNORE_ANNOTATION} if it ends by itself`);
  return ways;
}

/**
 * The refusal's message. `wanted` is what was asked for, `limits` are those that decided, and
 * `general` are the ways out besides the limits' own.
 */
export function limitsRefusal(
  wanted: Strategy | "auto",
  limits: readonly MetLimit[],
  general: readonly string[],
): string {
  const groups = byLimit(limits).slice(0, MAX_SHOWN);
  const shown = groups.map(
    ([limit, group]) => `[${LIMITS[limit].strategy}: ${limit}] ${sentenceOf(limit, group, { images: true })}`,
  );
  const ways = [...waysFor("trap", groups), ...waysFor("native", groups), ...general];
  const subject = wanted === "auto" ? "either strategy" : `strategy ${wanted}`;
  return `Curfew can't stop this Job's sidecars with ${subject}. ${shown.join(" ")} To fix it: ${ways.join("; or ")}.`;
}

/** All that has to be done to make this strategy work. */
function waysFor(strategy: Strategy, groups: ReturnType<typeof byLimit>): readonly string[] {
  const ways = groups
    .filter(([limit]) => LIMITS[limit].strategy === strategy)
    .map(([limit, group]) => wayOutOf(limit, group));
  return ways.length === 0 ? [] : [[...new Set(ways)].join(", and ")];
}

export const STRIPPED_SIDECARS =
  "restartPolicy: Always is missing from the sidecars that Curfew moved to initContainers. Another webhook or tool removed it, and the " +
  `Job would hang before main starts. Update that webhook, or set ${STRATEGY_ANNOTATION}: trap.`;

/**
 * The message about a container that was added twice: by a webhook that looks only at `containers`,
 * so it misses the one that Curfew moved.
 */
export function addedTwice({ name }: Container): string {
  return (
    `${quote(name)} is there twice: Curfew moved it to initContainers, and then another webhook added it to containers again, in a different ` +
    `form. Set ${STRATEGY_ANNOTATION}: trap, which moves nothing, or have that webhook look at initContainers, too.`
  );
}

/** The message about a wrapper without its arguments. */
export function brokenWrapper({ name }: Container): string {
  return `${quote(name)} has Curfew's wrapper, but not the wrapper's arguments. Restore its original command and args.`;
}

export const MAIN_IS_GONE =
  "Every container has Curfew's wrapper for sidecars, and the main container that they wait for is gone. Restore it, or restore their original command and args.";

/** The message about a Job whose author calls its only container a sidecar. */
export function onlySidecar({ name }: Container): string {
  return `${SIDECARS_ANNOTATION} names ${quote(name)}, the Job's only container, so there's no main container left. Remove the annotation.`;
}
