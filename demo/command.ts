import { constants as files } from "node:fs";
import { access, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { dirname } from "node:path";
import { Command } from "commander";
import { runDemo } from "./demo.ts";

/**
 * `curfew demo`. Its exit code is 1 if the demo shows something other than it claims, and 2 if it
 * can't run.
 */
export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "Runs a Job with a sidecar as local processes: plain, with the hack of 2020, and with Curfew. Then the " +
        "same again with main killed, and once from a Buildkite webhook. It takes ten seconds, needs Linux but " +
        "no cluster and no root, and leaves nothing behind.",
    )
    .option("--svg <file>", "also write the chart there, as an SVG for light and dark pages")
    .action(run);
}

/** In a narrower terminal, lines wrap, and can't be drawn over. */
const MIN_COLUMNS = 80;

async function run({ svg }: { readonly svg?: string }): Promise<void> {
  if (process.platform !== "linux") {
    console.error("curfew demo: it needs Linux, as the wrappers read /proc. On other systems, run it in a container.");
    process.exitCode = 2;
    return;
  }
  if (svg !== undefined) {
    try {
      await access(dirname(svg), files.W_OK);
    } catch (cause) {
      console.error(`curfew demo: can't write ${svg}: ${cause instanceof Error ? cause.message : String(cause)}`);
      process.exitCode = 2;
      return;
    }
  }
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      process.exitCode = 128 + constants.signals[signal];
      abort.abort();
    });
  }
  const { stdout } = process;
  const screen = {
    write: (text: string) => stdout.write(text),
    live: stdout.isTTY && stdout.columns >= MIN_COLUMNS && process.env["TERM"] !== "dumb",
    columns: stdout.columns || 120,
  };
  const draw = svg === undefined ? undefined : (text: string) => writeFile(svg, text);
  const asPromised = await runDemo(screen, abort.signal, draw);
  if (asPromised || abort.signal.aborted) return;
  console.error("curfew demo: this isn't what the demo should show. Please report it, with your system and shell.");
  process.exitCode = 1;
}
