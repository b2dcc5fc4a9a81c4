/** A wait that can be ended early. If it rings after the last reset, while nobody waits yet, the next wait ends at once. */
export class WakeUp {
  #rung = Promise.withResolvers<undefined>();

  readonly ring = (): void => {
    this.#rung.resolve(undefined);
  };

  reset(): void {
    this.#rung = Promise.withResolvers();
  }

  /** Resolves when it rings, or after `ms` at the latest. */
  async wait(ms: number): Promise<void> {
    const timer = setTimeout(this.ring, ms);
    await this.#rung.promise;
    clearTimeout(timer);
  }
}
