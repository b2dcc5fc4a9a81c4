/**
 * Combines many calls at the same moment into one. The Stacks API takes a thousand jobs per call
 * but only ten calls a second, and a build of 4,000 jobs sends 4,000 webhooks.
 */
export class Batch<V> {
  readonly #call: (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>;
  readonly #gapMs: number;
  #waiting = new Map<string, ((answer: Promise<V | undefined>) => void)[]>();
  #scheduled = false;
  #notBefore = 0;

  /** The first of a burst is sent at once, the others together `gapMs` later. */
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
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]);
      if (this.#scheduled) return;
      this.#scheduled = true;
      const wait = Math.max(0, this.#notBefore - Date.now());
      setTimeout(() => {
        this.#flush();
      }, wait);
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#scheduled = false;
    this.#notBefore = Date.now() + this.#gapMs;
    const answers = this.#call([...waiting.keys()]);
    for (const [id, resolvers] of waiting)
      for (const resolve of resolvers) resolve(answers.then((found) => found.get(id)));
  }
}
