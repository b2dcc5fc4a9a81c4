/**
 * `npm run bench [-- NAME…]`: runs the benches by name, or all. The exit code is 1 if a row misses
 * its target. Figures from one machine say little. What counts is the ratio to a baseline that was
 * measured in turn with it, in the same run.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { admission } from "./admission.ts";
import { cluster } from "./cluster.ts";
import { dispatch } from "./dispatch.ts";
import { formatRows, isReached, type Bench, type Row } from "./lib/result.ts";
import { memory } from "./memory.ts";
import { scaling } from "./scaling.ts";
import { start } from "./start.ts";
import { wrappers } from "./wrappers.ts";

const BENCHES: Readonly<Record<string, Bench>> = { admission, scaling, memory, start, dispatch, wrappers, cluster };
const USAGE = `npm run bench [-- NAME… OPTIONS]

  --short         for CI: fewer and shorter rounds, loose targets
  --long          also what takes minutes
  --plots FOLDER  write plots there
  --json          JSON on stdout instead of tables
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    plots: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));

if (values.help || unknown.length > 0) {
  for (const name of unknown) console.error(`there's no bench ${name}`);
  console.error(USAGE);
  for (const [name, { summary }] of Object.entries(BENCHES)) console.error(`  ${name.padEnd(12)} ${summary}`);
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  await run(names);
}

async function run(names: readonly string[]): Promise<void> {
  const results: Record<string, readonly Row[]> = {};
  for (const name of names) {
    const bench = BENCHES[name];
    if (bench === undefined) continue;
    console.error(`${name}: ${bench.summary}`);
    const note = (text: string): void => {
      console.error(`  ${text}`);
    };
    const options = { short: values.short, long: values.long, plots: values.plots, note };
    try {
      const rows = await bench.run(options);
      results[name] = rows;
      if (!values.json) console.log(formatRows(rows));
      if (!rows.every(isReached)) process.exitCode = 1;
    } catch (error) {
      // The others' figures are still worth having.
      console.error(error);
      process.exitCode = 1;
    }
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length };
  if (values.json) console.log(JSON.stringify({ machine, results }, null, 2));
  else console.log(`Node ${machine.node}, ${machine.cores} × ${machine.cpu}`);
}
