/** Limits in words: each with its strategy, what is in the way, and for a refused Job what can be done about it. */
import { LIMITS } from "../injection/limits.ts";
import { sentenceOf } from "../injection/met-limit.ts";
import type { MetLimit, Plan } from "../injection/plan.ts";

/** `limit` names it, `text` reads on from there. */
export interface LimitText {
  readonly limit: string;
  readonly text: string;
  readonly wayOut: string;
}

export function limitTexts(limits: readonly MetLimit[]): LimitText[] {
  return limits.map((met) => {
    const { limit, container } = met;
    const { strategy, wayOut } = LIMITS[limit];
    return {
      limit: `${strategy}, ${limit}`,
      text: sentenceOf(limit, [met]),
      wayOut: wayOut.replace("CONTAINER", container ?? "CONTAINER"),
    };
  });
}

/** A refusal's headline; its limits, if it has any, are told one by one beside it. */
export function refusalOf({ message, limits }: Extract<Plan, { kind: "refuse" }>): string {
  return limits.length > 0 ? "no strategy that may be used can keep its promises here" : message;
}
