/** Measures how long a value has stayed the same without a break. */
export class Stopwatch {
  readonly #clock: () => number;
  #key: string | undefined;
  #since = 0;

  /**
   * @param clock milliseconds since some fixed moment, without jumps. By default since the process
   * started.
   */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /**
   * Notes the value of this moment and returns for how many milliseconds it has been the same.
   * Undefined means no value, and returns 0.
   */
  observe(key: string | undefined): number {
    if (key === undefined || key !== this.#key) this.#since = this.#clock();
    this.#key = key;
    return key === undefined ? 0 : this.#clock() - this.#since;
  }
}
