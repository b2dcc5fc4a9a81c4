/**
 * `npm run soak [-- NAME…]`: runs the soak programs by name, or all. The exit code is 1 if one of
 * them finds something wrong.
 */
import { parseArgs } from "node:util";
import { runPrograms } from "../../bench/lib/programs.ts";
import { faults } from "./faults.ts";
import { fuzz } from "./fuzz.ts";
import { rotation } from "./rotation.ts";
import { formatTable, type SoakProgram, type Table } from "./table.ts";

const PROGRAMS: Readonly<Record<string, SoakProgram>> = { faults, fuzz, rotation };
const USAGE = `npm run soak [-- NAME… OPTIONS]

  --short   a fraction of the time or the inputs
  --long    more minutes, for rotation
  --seed N  the fuzzer's seed
  --json    JSON on stdout instead of tables
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    seed: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const seed = values.seed === undefined ? undefined : Number(values.seed);
const isSeed = seed === undefined || Number.isInteger(seed);

const results: Record<string, Table> = {};
const hasRun = await runPrograms(
  {
    byName: PROGRAMS,
    noun: "program",
    usage: USAGE,
    async run(name, program, note) {
      const table = await program.run({ short: values.short, long: values.long, seed, note });
      results[name] = table;
      if (!values.json) console.log(formatTable(table));
      return !table.failed;
    },
  },
  {
    names: positionals,
    help: values.help,
    problems: isSeed ? [] : [`--seed takes an integer, not ${values.seed ?? ""}`],
  },
);
if (hasRun && values.json) console.log(JSON.stringify({ results }, null, 2));
