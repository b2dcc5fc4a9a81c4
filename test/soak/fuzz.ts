/**
 * The tests' fuzzer, with more than a million inputs: counts by target, and the smallest input that
 * does harm, if any.
 */
import { PURE_TARGETS } from "../support/fuzz/pure-targets.ts";
import { serveAdmission, serveWebhooks } from "../support/fuzz/served-targets.ts";
import type { SoakProgram } from "./table.ts";

/** Short runs have a twentieth of the inputs. */
const SHORT = 20;

export const fuzz: SoakProgram = {
  summary: "a million damaged reviews, annotations, manifests, webhooks and headers: none may do harm",
  // A new seed each time: that's what so many inputs are for.
  async run({ short, note, seed = Math.trunc(Math.random() * 2 ** 31) }) {
    note(`seed ${seed}: repeat with --seed ${seed}`);
    const served = [await serveAdmission(), await serveWebhooks()];
    try {
      const targets = [...PURE_TARGETS, ...served.flatMap(({ targets }) => targets)];
      const rows: string[][] = [];
      let total = 0;
      let failed = false;
      for (const { name, inputs, run } of targets) {
        const start = performance.now();
        const result = await run({ seed, inputs: short ? Math.ceil(inputs / SHORT) : inputs });
        const seconds = (performance.now() - start) / 1000;
        note(`${name}: ${result.inputs.toLocaleString("en")} inputs in ${seconds.toFixed(0)} s`);
        if (result.harm !== undefined) note(result.harm);
        failed ||= result.harm !== undefined;
        total += result.inputs;
        rows.push([name, result.inputs.toLocaleString("en"), result.harm === undefined ? "0" : "1"]);
      }
      rows.push(["all", total.toLocaleString("en"), failed ? "see above" : "0"]);
      return { columns: ["inputs of the fuzzer", "count", "did harm"], rows, failed };
    } finally {
      for (const { close } of served) await close();
    }
  },
};
