/**
 * `npm run soak [-- NAME…]`: runs the soak programs by name, or all. The exit code is 1 if one of
 * them finds something wrong.
 */
import { parseArgs } from "node:util";
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
const names = positionals.length > 0 ? positionals : Object.keys(PROGRAMS);
const seed = values.seed === undefined ? undefined : Number(values.seed);
const problems = names.filter((name) => !Object.hasOwn(PROGRAMS, name)).map((name) => `there's no program ${name}`);
if (seed !== undefined && !Number.isInteger(seed)) problems.push(`--seed takes an integer, not ${values.seed ?? ""}`);

if (values.help || problems.length > 0) {
  for (const problem of problems) console.error(problem);
  console.error(USAGE);
  for (const [name, { summary }] of Object.entries(PROGRAMS)) console.error(`  ${name.padEnd(12)} ${summary}`);
  process.exitCode = problems.length > 0 ? 2 : 0;
} else {
  await run(names);
}

async function run(names: readonly string[]): Promise<void> {
  const { short, long } = values;
  const results: Record<string, Table> = {};
  for (const name of names) {
    const program = PROGRAMS[name];
    if (program === undefined) continue;
    console.error(`${name}: ${program.summary}`);
    const note = (text: string): void => {
      console.error(`  ${text}`);
    };
    try {
      const table = await program.run({ short, long, seed, note });
      results[name] = table;
      if (!values.json) console.log(formatTable(table));
      if (table.failed) process.exitCode = 1;
    } catch (error) {
      // What the others find is still worth having.
      console.error(error);
      process.exitCode = 1;
    }
  }
  if (values.json) console.log(JSON.stringify({ results }, null, 2));
}
