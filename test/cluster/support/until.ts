import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves to `look`'s first result that's neither undefined nor false. Throws after `seconds`, and
 * says what didn't happen. The longer it waits, the less often it looks: dozens of tests wait at the
 * same time, and their looks keep the API server busy.
 */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, seconds = 60): Promise<T> {
  const began = Date.now();
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    const waited = Date.now() - began;
    if (waited > seconds * 1000) throw new Error(`did not happen within ${seconds} s: ${what}`);
    await sleep(Math.min(200 + waited / 20, 500));
  }
}
