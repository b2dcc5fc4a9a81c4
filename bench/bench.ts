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
import { runPrograms } from "./lib/programs.ts";
import { formatRows, isReached, type Bench, type Row } from "./lib/result.ts";
import { memory } from "./memory.ts";
import { optIn } from "./opt-in.ts";
import { scaling } from "./scaling.ts";
import { scan } from "./scan.ts";
import { start } from "./start.ts";
import { wrappers } from "./wrappers.ts";

const BENCHES: Readonly<Record<string, Bench>> = {
  ...{ admission, scaling, memory, start, dispatch, wrappers, cluster, scan },
  "opt-in": optIn,
};
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

const results: Record<string, readonly Row[]> = {};
const hasRun = await runPrograms(
  {
    byName: BENCHES,
    noun: "bench",
    usage: USAGE,
    async run(name, bench, note) {
      const rows = await bench.run({ short: values.short, long: values.long, plots: values.plots, note });
      results[name] = rows;
      if (!values.json) console.log(formatRows(rows));
      return rows.every(isReached);
    },
  },
  { names: positionals, help: values.help },
);
if (hasRun) {
  const machine = { node: process.version, cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length };
  if (values.json) console.log(JSON.stringify({ machine, results }, null, 2));
  else console.log(`Node ${machine.node}, ${machine.cores} × ${machine.cpu}`);
}
