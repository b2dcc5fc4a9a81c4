import type { LimitedLog } from "../../process/log-limiter.ts";
import type { UnservedTags } from "./route.ts";

const MAX_TAGS = 20;
const MAX_TAG_LENGTH = 100;

/** Logs that a job waits because no template has all the agent tags that it asks for. */
export function logUnservedTags(log: Pick<LimitedLog, "warn">, { queue, tags }: UnservedTags): void {
  const asked = shown(tags);
  const templates = queue.templates
    .slice(0, MAX_TAGS)
    .map((template) => shown(Object.entries(template.tags).map(([key, value]) => `${key}=${value}`)));
  log.warn(
    `unserved-tags:${asked.toSorted().join()}`,
    { queue: queue.name, reason: "unserved-tags", tags: asked, templates },
    "a job asks for agent tags that no template has: add a template, or it waits for another agent",
  );
}

/** Agent tags are written by users, so they're cleaned and cut. */
function shown(tags: readonly string[]): string[] {
  return tags.slice(0, MAX_TAGS).map((tag) =>
    tag
      .slice(0, MAX_TAG_LENGTH)
      .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
      .toWellFormed(),
  );
}
