/** What somebody most likely meant to write, for messages about unknown names. */
import { closestMatch } from "leven";

/** Longer than any mistyped container name or annotation key. The search takes quadratic time. */
const MAX_LENGTH = 100;

/**
 * The candidate that differs least from `written`: in at most two letters (two swapped ones count
 * as two), and in at most half of them. Undefined: none is close enough to be worth naming.
 */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  const maxDistance = Math.min(2, Math.floor(written.length / 2));
  if (written.length > MAX_LENGTH || maxDistance === 0) return undefined;
  return closestMatch(written, candidates, { maxDistance });
}
