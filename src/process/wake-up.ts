/**
 * A wait that can end early. If it rings after the last reset, but before anybody waits, the next
 * wait ends at once.
 */
export class WakeUp {
  #rung = Promise.withResolvers<undefined>();

  /** Ends the current wait, or the next one. */
  readonly ring = (): void => {
    this.#rung.resolve(undefined);
  };

  /** Forgets earlier rings. */
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
