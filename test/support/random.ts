/**
 * Random numbers for tests. All use one seed, so a test fails because of a change and not by
 * chance.
 */
import { crc32 } from "node:zlib";
import type { TestContext } from "vitest";

/**
 * The environment variable SEED. If it isn't set, `npm test` always uses the same seed, and each
 * long run uses another one.
 */
export const seed = Number(process.env["SEED"] ?? (process.env["LONG"] === undefined ? 1 : Date.now() % 2 ** 31));

/** Numbers from 0 up to 1, like Math.random's, and the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * {@link randomFrom} for a test. Each test gets its own numbers, and prints the seed if it fails.
 */
export function randomOf({ task, onTestFailed }: TestContext): () => number {
  onTestFailed(() => {
    console.error(`${task.fullTestName}: SEED=${seed} gives the same numbers again`);
  });
  return randomFrom(seed ^ crc32(task.fullTestName));
}
