/** Ends a wait early. A ring after the last reset, while nobody waits yet, ends the next wait at once. */
export class WakeUp {
  #rung = Promise.withResolvers<undefined>();

  readonly ring = (): void => {
    this.#rung.resolve(undefined);
  };

  reset(): void {
    this.#rung = Promise.withResolvers();
  }

  /** Resolves when it rings, at the latest after `milliseconds`. */
  async within(milliseconds: number): Promise<void> {
    const timer = setTimeout(this.ring, milliseconds);
    await this.#rung.promise;
    clearTimeout(timer);
  }
}
