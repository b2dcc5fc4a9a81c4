/** Limits in words: each with its strategy, what's in the way, and how to fix it. */
import { LIMITS, type LimitId } from "../injection/limits.ts";
import { byLimit, wayOutOf, type MetLimit } from "../injection/met-limit.ts";
import type { Strategy } from "../injection/names.ts";
import type { Plan } from "../injection/plan.ts";
import { showImage, showName } from "../injection/quote.ts";
import type { FoundJob } from "./find-jobs.ts";

/** A limit that one container meets, or the whole Job. */
export interface ExplainedLimit {
  readonly limit: LimitId;
  readonly strategy: Strategy;
  readonly container?: string;
  readonly image?: string;
  readonly message: string;
  readonly wayOut: string;
}

/** The limits that exactly the same containers meet. */
export interface LimitGroup {
  /** The containers, with their images. */
  readonly who: string;
  readonly limits: readonly LimitText[];
}

/** `limit` names the limit, and `text` follows after a colon. */
export interface LimitText {
  readonly limit: string;
  readonly text: string;
  readonly wayOut: string;
}

/** One met limit as values, with the container's name in its way out. */
export function explainLimit(met: MetLimit): ExplainedLimit {
  const { limit, container, image } = met;
  const { strategy, sentence } = LIMITS[limit];
  return {
    limit,
    strategy,
    ...(container === undefined ? {} : { container }),
    ...(image ? { image } : {}),
    message: sentence,
    wayOut: wayOutOf(limit, [met]),
  };
}

/**
 * Says each limit once, however many containers meet it. Limits that the same containers meet are
 * in one group.
 */
export function groupLimits(limits: readonly MetLimit[], kind: FoundJob["kind"]): LimitGroup[] {
  const groups = new Map<string, LimitText[]>();
  for (const [limit, group] of byLimit(limits)) {
    const { strategy, sentence } = LIMITS[limit];
    const who = whoMeets(group, kind);
    groups.set(who, [
      ...(groups.get(who) ?? []),
      { limit: `${strategy}, ${limit}`, text: sentence, wayOut: wayOutOf(limit, group) },
    ]);
  }
  return [...groups].map(([who, texts]) => ({ who, limits: texts }));
}

/** A Job can have hundreds of containers. */
const MAX_SHOWN = 8;

function whoMeets(limits: readonly MetLimit[], kind: FoundJob["kind"]): string {
  const containers = limits.flatMap(({ container, image }) =>
    container === undefined ? [] : [image ? `${showName(container)} (${showImage(image)})` : showName(container)],
  );
  if (containers.length === 0) return `the whole ${kind === "Pod" ? "Pod" : "Job"}`;
  const more = containers.length > MAX_SHOWN ? [`${containers.length - MAX_SHOWN} more`] : [];
  return [...containers.slice(0, MAX_SHOWN), ...more].join(", ");
}

/** A refusal's headline. If it has limits, they're listed below it one by one. */
export function refusalOf({ message, limits }: Extract<Plan, { kind: "refuse" }>, kind: FoundJob["kind"]): string {
  return limits.length > 0 ? `Curfew can't stop this ${kind === "Pod" ? "Pod" : "Job"}'s sidecars` : message;
}
