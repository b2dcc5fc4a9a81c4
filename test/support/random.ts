/** Chance in tests: one seed for all of them, so that a test fails for a change and not by luck. */
import { crc32 } from "node:zlib";
import type { TestContext } from "vitest";

/** The environment variable SEED; without it always the same in `npm test`, and another each time in long runs. */
export const seed = Number(process.env["SEED"] ?? (process.env["LONG"] === undefined ? 1 : Date.now() % 2 ** 31));

/** Numbers from 0 up to 1, as Math.random gives, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** {@link randomFrom} for a test: each gets numbers of its own, and prints the seed if it fails. */
export function randomOf({ task, onTestFailed }: TestContext): () => number {
  onTestFailed(() => {
    console.error(`${task.fullTestName}: SEED=${seed} gives the same numbers again`);
  });
  return randomFrom(seed ^ crc32(task.fullTestName));
}
