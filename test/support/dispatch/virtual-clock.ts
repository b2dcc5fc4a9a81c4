/** Time that passes at once, for what would take minutes. */
import { setImmediate } from "node:timers/promises";
import type { PaceClock } from "../../../src/dispatch/buildkite/pace.ts";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export class VirtualClock implements PaceClock {
  readonly random: () => number;
  readonly #sleepers: Sleeper[] = [];
  #now = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  readonly now = (): number => this.#now;

  readonly sleep = (ms: number): Promise<void> =>
    new Promise((wake) => {
      this.#sleepers.push({ at: this.#now + ms, wake });
    });

  /** Lets time pass until `untilMs`, or until nobody sleeps any more. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      await setImmediate(); // whoever was woken goes on until the next sleep
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers[0];
      if (!next || next.at > untilMs) return;
      this.#sleepers.shift();
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
  }
}
