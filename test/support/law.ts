import fc from "fast-check";
import { test } from "vitest";
import { seed } from "./random.ts";

/** Runs as many cases as take a few seconds. The environment variable RUNS sets another number. */
export const law = <T extends [unknown, ...unknown[]]>(title: string, property: fc.IPropertyWithHooks<T>): void => {
  const numRuns = Number(process.env["RUNS"] ?? 300);
  test(title, { timeout: 60_000 + 100 * numRuns }, () => {
    fc.assert(property, { numRuns, seed });
  });
};
