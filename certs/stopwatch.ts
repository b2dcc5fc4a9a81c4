/** Measures for how long something has been the same without a break, by a clock that never jumps. */
export class Stopwatch {
  readonly #clock: () => number;
  #key: string | undefined;
  #since = 0;

  /** @param clock milliseconds since some fixed moment; by default the process's start. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Takes note of what is seen now, undefined for nothing, and returns for how many milliseconds it has been seen; 0 for nothing. */
  observe(key: string | undefined): number {
    if (key === undefined || key !== this.#key) this.#since = this.#clock();
    this.#key = key;
    return key === undefined ? 0 : this.#clock() - this.#since;
  }
}
