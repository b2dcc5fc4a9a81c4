import { constants } from "node:os";
import { Command } from "commander";
import { runDemo } from "./demo.ts";

export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "Runs a Job with a sidecar as local processes, plain, with the hack of 2020 and with Curfew; then again\n" +
        "with main killed. Ten seconds, no cluster, no root; nothing stays behind. Linux.",
    )
    .action(run);
}

/** In a narrower terminal lines break, and cannot be drawn over. */
const MIN_COLUMNS = 80;

async function run(): Promise<void> {
  if (process.platform !== "linux") {
    console.error("curfew demo: the wrappers read /proc, so it needs Linux. In a container it runs on any system.");
    process.exitCode = 2;
    return;
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
  const asPromised = await runDemo(screen, abort.signal);
  if (asPromised || abort.signal.aborted) return;
  console.error("curfew demo: this is not what it should show. Please report it, with your system and shell.");
  process.exitCode = 1;
}
