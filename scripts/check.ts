/**
 * `npm run check`: all that's said about the code without running it. Runs as many checks at once as
 * there are processors, and prints what each says when it has ended. A check that fails doesn't
 * keep the others from running.
 */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";

/** Those that take longest first, so that none of them is the last to start. */
const CHECKS: readonly string[] = [
  "eslint .",
  "tsc",
  "prettier --check --log-level warn .",
  "node scripts/check-shell.ts",
  "node scripts/embed-chart.ts --check",
  "node scripts/embed-scripts.ts --check",
  "node scripts/embed-version.ts --check",
];

interface Outcome {
  readonly passed: boolean;
  /** What it wrote to stdout and stderr, as it came. */
  readonly said: string;
}

/** Runs a command line of plain words to its end. One that doesn't start has failed. */
function runCheck(commandLine: string): Promise<Outcome> {
  const [program = "", ...args] = commandLine.split(" ");
  // They'd write to a terminal in colours, but they write to a pipe.
  const env = process.stdout.isTTY ? { FORCE_COLOR: "1", ...process.env } : process.env;
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  return new Promise((resolve) => {
    child.on("error", ({ message }) => {
      resolve({ passed: false, said: `${said}${message}\n` });
    });
    child.on("close", (code) => {
      resolve({ passed: code === 0, said });
    });
  });
}

/**
 * Runs these command lines, `atOnce` at a time, and hands `print` a block of lines for each when it
 * has ended. Returns those that failed, in the order of `checks`.
 */
export async function runChecks(
  checks: readonly string[],
  print: (text: string) => void,
  atOnce: number,
): Promise<readonly string[]> {
  const waiting = [...checks];
  const failed = new Set<string>();
  const lane = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const began = performance.now();
      const { passed, said } = await runCheck(check);
      if (!passed) failed.add(check);
      const seconds = Math.round((performance.now() - began) / 1000);
      print(`${passed ? "✔" : "✖"} ${check} (${seconds} s)\n${said}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return checks.filter((check) => failed.has(check));
}

if (import.meta.main) {
  const print = (text: string): void => void process.stdout.write(text);
  const failed = await runChecks(CHECKS, print, availableParallelism());
  if (failed.length > 0) {
    console.error(`failed: ${failed.join(", ")}`);
    process.exitCode = 1;
  }
}
