/**
 * Combines many calls at the same moment into one. The Stacks API takes a thousand jobs per call
 * but only ten calls a second, and a build of 4,000 jobs sends 4,000 webhooks.
 */

/** The most jobs in one call. */
const MOST = 1000;
/**
 * The most calls that haven't been answered. While those wait for their turn, jobs gather for the
 * next one.
 */
const MOST_CALLS = 3;

export class Batch<V> {
  readonly #call: (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>;
  readonly #gapMs: number;
  readonly #waiting = new Map<string, ((answer: Promise<V | undefined>) => void)[]>();
  #scheduled = false;
  #calls = 0;
  #notBefore = 0;

  /** The first of a burst is sent at once, the others together, `gapMs` later at the earliest. */
  constructor(gapMs: number, call: (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>) {
    this.#gapMs = gapMs;
    this.#call = call;
  }

  /**
   * Resolves to the answer for this id, or to undefined if the call's answer lacks it.
   * @throws what the call throws.
   */
  ask(id: string): Promise<V | undefined> {
    return new Promise((resolve) => {
      const others = this.#waiting.get(id);
      if (others) others.push(resolve);
      else this.#waiting.set(id, [resolve]);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0 || this.#calls >= MOST_CALLS) return;
    this.#scheduled = true;
    const waitMs = Math.max(0, this.#notBefore - performance.now());
    setTimeout(() => {
      this.#flush();
    }, waitMs);
  }

  #flush(): void {
    const batch = [...this.#waiting].slice(0, MOST);
    for (const [id] of batch) this.#waiting.delete(id);
    this.#scheduled = false;
    this.#notBefore = performance.now() + this.#gapMs;
    this.#calls++;
    const answers = this.#call(batch.map(([id]) => id)).finally(() => {
      this.#calls--;
      this.#schedule();
    });
    for (const [id, resolvers] of batch)
      for (const resolve of resolvers) resolve(answers.then((found) => found.get(id)));
    this.#schedule();
  }
}
