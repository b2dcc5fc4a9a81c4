import { setTimeout as sleep } from "node:timers/promises";

/** Resolves with `look`'s first result that is neither undefined nor false; throws after `seconds`, saying what did not happen. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`did not happen within ${seconds} s: ${what}`);
    await sleep(200);
  }
}
