import type { Container } from "./job.ts";
import { LIMITS, type LimitId } from "./limits.ts";
import { quote } from "./annotations.ts";
import type { MetLimit } from "./plan.ts";

/** A limit as this container meets it, or the whole Job. `detail` says which part of it, a variable's name for one. */
export function met(limit: LimitId, container?: Container, detail?: string): MetLimit {
  const sentence = `${LIMITS[limit].sentence.slice(0, -1)}${detail === undefined ? "" : ` (${quote(detail)})`}.`;
  if (!container) return { limit, message: sentence };
  const image = container.image ?? "";
  return {
    limit,
    container: container.name,
    image,
    message: `${quote(container.name)} (${shorten(image)}): ${sentence}`,
  };
}

function shorten(image: string): string {
  return image.length > 100 ? `…${image.slice(-100)}` : image;
}
