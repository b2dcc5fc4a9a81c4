import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves to `look`'s first result that's neither undefined nor false. Throws after `seconds`, and
 * says what didn't happen.
 */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`did not happen within ${seconds} s: ${what}`);
    await sleep(200);
  }
}
