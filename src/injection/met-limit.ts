import type { Container } from "./job.ts";
import { LIMITS, type LimitId } from "./limits.ts";
import { quote, showImage, showName } from "./quote.ts";

/**
 * A limit that a strategy meets in this Job. Without `container` it's the Job's or the cluster's.
 * `sentencesOf` makes the words: most are never read, so they aren't made in advance.
 */
export interface MetLimit {
  readonly limit: LimitId;
  readonly container?: string;
  readonly image?: string;
}

/** Limits of one kind that several containers meet. */
type Group = readonly MetLimit[];

/** A limit that this container meets, or without one the whole Job. */
export function metLimit(limit: LimitId, container?: Container): MetLimit {
  return container ? { limit, container: container.name, image: container.image ?? "" } : { limit };
}

/** Each limit once, with the containers that meet it, in the order in which they were met. */
export function byLimit(limits: readonly MetLimit[]): readonly (readonly [LimitId, Group])[] {
  return [...Map.groupBy(limits, ({ limit }) => limit)];
}

const MAX_NAMES = 4;

/** The text for a limit and the containers that meet it: `"a" (image), "b" (image): Sentence.` */
export function sentenceOf(limit: LimitId, group: Group, { images = false } = {}): string {
  const names = group.flatMap(({ container, image = "" }) => {
    if (container === undefined) return [];
    return [images && image !== "" ? `${quote(container)} (${showImage(image)})` : quote(container)];
  });
  const { sentence } = LIMITS[limit];
  if (names.length === 0) return sentence;
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return `${names.slice(0, MAX_NAMES).join(", ")}${more}: ${sentence}`;
}

/**
 * One sentence for each limit, short enough for a warning, which the API server cuts at 256
 * characters.
 */
export function sentencesOf(limits: readonly MetLimit[]): readonly string[] {
  return byLimit(limits).map(([limit, group]) => sentenceOf(limit, group));
}

/** The limit's way out, with the container's name in it if only one container meets the limit. */
export function wayOutOf(limit: LimitId, [first, ...others]: Group): string {
  const { container } = (others.length === 0 ? first : undefined) ?? {};
  return LIMITS[limit].wayOut.replace("CONTAINER", () => (container === undefined ? "CONTAINER" : showName(container)));
}
