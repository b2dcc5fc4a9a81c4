import type { Container } from "./job.ts";
import { LIMITS, type LimitId } from "./limits.ts";
import type { MetLimit } from "./plan.ts";
import { quote, showImage } from "./quote.ts";

/** A limit as this container meets it; without a container, as the whole Job does. */
export function met(limit: LimitId, container?: Container): MetLimit {
  return container ? { limit, container: container.name, image: container.image ?? "" } : { limit };
}

/** Each limit once, with the containers that meet it: one sentence for several. In the order in which they were met. */
export function byLimit(limits: readonly MetLimit[]): readonly (readonly [LimitId, readonly MetLimit[]])[] {
  const groups = new Map<LimitId, MetLimit[]>();
  for (const met of limits) {
    const group = groups.get(met.limit);
    if (group) group.push(met);
    else groups.set(met.limit, [met]);
  }
  return [...groups];
}

/** What people read of a limit and those that meet it: `"a" (image), "b" (image): Sentence.` */
export function sentenceOf(limit: LimitId, group: readonly MetLimit[]): string {
  const names = group.flatMap(({ container, image = "" }) =>
    container === undefined ? [] : [nameOf(container, image)],
  );
  const { sentence } = LIMITS[limit];
  return names.length === 0 ? sentence : `${names.join(", ")}: ${sentence}`;
}

/** One sentence for each limit. */
export function sentencesOf(limits: readonly MetLimit[]): readonly string[] {
  return byLimit(limits).map(([limit, group]) => sentenceOf(limit, group));
}

function nameOf(container: string, image: string): string {
  return `${quote(container)}${image === "" ? "" : ` (${showImage(image)})`}`;
}
