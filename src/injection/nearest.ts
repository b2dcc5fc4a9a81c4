/** What somebody most likely meant to write, for messages about names that nothing here has. */
import { closestMatch } from "leven";

/** Longer than any container's name or annotation's key that is a slip of the finger; the search takes quadratic time. */
const MAX_LENGTH = 100;

/**
 * The candidate that differs least from `written`, by at most two letters (so many as two that changed places) and half of them.
 * Undefined: none is near enough that naming it would help.
 */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  const maxDistance = Math.min(2, Math.floor(written.length / 2));
  if (written.length > MAX_LENGTH || maxDistance === 0) return undefined;
  return closestMatch(written, candidates, { maxDistance });
}
