import fc from "fast-check";
import { test } from "vitest";

/** The inputs are the same each time, so that tests fail for a change and not by chance; the environment variable SEED gives others. */
export const seed = Number(process.env["SEED"] ?? 1);

/** As many as run in a few seconds; more by the environment variable RUNS. */
export const law = <T extends [unknown, ...unknown[]]>(title: string, property: fc.IPropertyWithHooks<T>): void => {
  const numRuns = Number(process.env["RUNS"] ?? 300);
  test(title, { timeout: 60_000 + 100 * numRuns }, () => {
    fc.assert(property, { numRuns, seed });
  });
};
