/** A target of the fuzzer: what goes in, and what must be true for each input. */
import fc, { type Arbitrary } from "fast-check";

export interface FuzzTarget {
  readonly name: string;
  /**
   * How many inputs `npm run soak -- fuzz` sends, depending on what one costs. `npm test` sends far
   * fewer.
   */
  readonly inputs: number;
  readonly run: (options: FuzzOptions) => Promise<FuzzResult>;
}

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
}

export interface FuzzResult {
  readonly inputs: number;
  /** What went wrong, with the smallest input that causes it and how to reproduce it. */
  readonly harm: string | undefined;
}

/** `check` throws if an input does harm. */
export function target<Input>(
  name: string,
  inputs: number,
  arbitrary: Arbitrary<Input>,
  check: (input: Input) => unknown,
): FuzzTarget {
  const property = fc.asyncProperty(arbitrary, async (input) => {
    await check(input);
  });
  return {
    name,
    inputs,
    async run({ inputs: numRuns, seed }) {
      const details = await fc.check(property, { numRuns, seed });
      if (!details.failed) return { inputs: details.numRuns, harm: undefined };
      return { inputs: details.numRuns, harm: `${String(details.errorInstance)}\n${fc.defaultReportMessage(details)}` };
    },
  };
}

export function hold(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
