/** A target of the fuzzer: what goes in, and what must hold of each input. */
import fc, { type Arbitrary } from "fast-check";

export interface FuzzTarget {
  readonly name: string;
  /** How many inputs `npm run soak -- fuzz` sends, by what one costs. `npm test` sends a small part. */
  readonly inputs: number;
  readonly run: (options: FuzzOptions) => Promise<FuzzResult>;
}

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
}

export interface FuzzResult {
  readonly inputs: number;
  /** What went wrong, with the smallest input that does it and how to meet it again. */
  readonly harm: string | undefined;
}

/** `check` throws where an input does harm. */
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
