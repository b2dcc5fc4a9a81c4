/** What a refused Job's author reads: what is in the way, container by container, and the ways out. */
import { IGNORE_ANNOTATION, SIDECARS_ANNOTATION, STRATEGY_ANNOTATION, type Strategy } from "./names.ts";
import type { Container } from "./job.ts";
import { LIMITS } from "./limits.ts";
import { byLimit, sentenceOf, wayOutOf, type MetLimit } from "./met-limit.ts";
import { quote } from "./quote.ts";

/** Enough to act on; the API server's answer should stay readable. */
const MAX_SHOWN = 8;

/** What can be done whatever the limits. `other` is the strategy that wasn't asked for, and would do. */
export function generalWaysOut(limits: readonly MetLimit[], other: Strategy | undefined): readonly string[] {
  const ways = other === undefined ? [] : [`set ${STRATEGY_ANNOTATION}: ${other}, which works for this Job`];
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
  const groups = byLimit(limits).slice(0, MAX_SHOWN);
  const shown = groups.map(
    ([limit, group]) => `[${LIMITS[limit].strategy}: ${limit}] ${sentenceOf(limit, group, { images: true })}`,
  );
  const ways = [...waysFor("trap", groups), ...waysFor("native", groups), ...general];
  const subject = wanted === "auto" ? "either strategy" : `strategy ${wanted}`;
  return `Curfew can't stop this Job's sidecars with ${subject}. ${shown.join(" ")} Ways out: ${ways.join("; or ")}.`;
}

/** What has to be done, all of it, so that this strategy works. */
function waysFor(strategy: Strategy, groups: ReturnType<typeof byLimit>): readonly string[] {
  const ways = groups
    .filter(([limit]) => LIMITS[limit].strategy === strategy)
    .map(([limit, group]) => wayOutOf(limit, group));
  return ways.length === 0 ? [] : [[...new Set(ways)].join(", and ")];
}

export const STRIPPED_SIDECARS =
  "restartPolicy: Always is missing from the sidecars that Curfew moved to initContainers. Another webhook or tool removed it, and the " +
  `Job would hang before main starts. Update that webhook, or set ${STRATEGY_ANNOTATION}: trap.`;

/** Added by a webhook that looks for it among `containers` only, and so doesn't find the one that Curfew moved. */
export function addedTwice({ name }: Container): string {
  return (
    `${quote(name)} is there twice: Curfew moved it to initContainers, and then another webhook added it to containers again, in another ` +
    `form. Set ${STRATEGY_ANNOTATION}: trap, which moves nothing, or have that webhook look at initContainers, too.`
  );
}

export function brokenWrapper({ name }: Container): string {
  return `${quote(name)} has Curfew's wrapper, but not the arguments that belong to it. Restore its original command and args.`;
}

export const MAIN_IS_GONE =
  "Every container has Curfew's wrapper for sidecars, and the main one that they wait for is gone. Restore it, or restore their original command and args.";

/** Its author calls the Job's only container a sidecar. */
export function onlySidecar({ name }: Container): string {
  return `${SIDECARS_ANNOTATION} names ${quote(name)}, the Job's only container, so none is left that could be the main one. Remove the annotation.`;
}
