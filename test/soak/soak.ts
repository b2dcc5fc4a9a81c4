/**
 * `npm run soak [-- NAME…]`: runs the soak programs by name, or all. The exit code is 1 if one of
 * them finds something wrong.
 */
import { parseArgs } from "node:util";
import { runPrograms } from "../../bench/lib/programs.ts";
import { faults } from "./faults.ts";
import { fuzz } from "./fuzz.ts";
import { rotation } from "./rotation.ts";
import { stream } from "./stream.ts";
import { formatTable, type SoakProgram, type Table } from "./table.ts";
import { waiting } from "./waiting.ts";

const PROGRAMS: Readonly<Record<string, SoakProgram>> = { faults, fuzz, rotation, stream, waiting };
const USAGE = `npm run soak [-- NAME… OPTIONS]

  --short      a fraction of the time or the inputs
  --long       more minutes, for rotation and stream
  --minutes N  how long, for stream
  --seed N     the fuzzer's seed
  --json       JSON on stdout instead of tables
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    minutes: { type: "string" },
    seed: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const seed = values.seed === undefined ? undefined : Number(values.seed);
const isSeed = seed === undefined || Number.isInteger(seed);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const isTime = minutes === undefined || minutes > 0;

const results: Record<string, Table> = {};
const hasRun = await runPrograms(
  {
    byName: PROGRAMS,
    noun: "program",
    usage: USAGE,
    async run(name, program, note) {
      const table = await program.run({ short: values.short, long: values.long, minutes, seed, note });
      results[name] = table;
      if (!values.json) console.log(formatTable(table));
      return !table.failed;
    },
  },
  {
    names: positionals,
    help: values.help,
    problems: [
      ...(isSeed ? [] : [`--seed takes an integer, not ${values.seed ?? ""}`]),
      ...(isTime ? [] : [`--minutes takes a number, not ${values.minutes ?? ""}`]),
    ],
  },
);
if (hasRun && values.json) console.log(JSON.stringify({ results }, null, 2));
