import type { Container } from "./job.ts";
import { LIMITS, type LimitId } from "./limits.ts";
import type { MetLimit } from "./plan.ts";
import { quote, showImage } from "./quote.ts";

/** A limit as this container meets it, or the whole Job. */
export function met(limit: LimitId, container?: Container): MetLimit {
  const { sentence } = LIMITS[limit];
  if (!container) return { limit, message: sentence };
  const image = container.image ?? "";
  return {
    limit,
    container: container.name,
    image,
    message: `${quote(container.name)}${image === "" ? "" : ` (${showImage(image)})`}: ${sentence}`,
  };
}
