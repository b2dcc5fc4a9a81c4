/** Runs shellcheck over every shell script here; the wrappers as they run, joined. */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { readScript } from "./embed-scripts.ts";

const isShell = (file: string): boolean => /^#!.*\b(ba|da)?sh\b/.test(readFileSync(file, "utf8").slice(0, 80));

/**
 * What is so on purpose in the wrappers: subshells have variables of their own (2030, 2031), a trap's text is expanded when it is set
 * (2064), words are split (2086), a FIFO is opened for reading and writing at once (2094), a name ends in a number (2154), signals
 * have numbers (2172), traps call functions (2317, 2329).
 */
const wrapperExceptions = "SC2030,SC2031,SC2064,SC2086,SC2094,SC2154,SC2172,SC2317,SC2329";

const run = (args: readonly string[], input?: string): boolean => {
  const { error, status, stdout, stderr } = spawnSync("shellcheck", args, { input, encoding: "utf8" });
  if (error !== undefined)
    throw new Error("shellcheck did not start: is it installed (apt-get install shellcheck)?", { cause: error });
  if (status !== 0) console.error(stdout + stderr);
  return status === 0;
};

const wrappers = (["main", "sidecar"] as const).map((role) => {
  const passed = run(["--shell=sh", `--exclude=${wrapperExceptions}`, "-"], readScript(role));
  if (!passed) console.error(`^ events.sh, app.sh and ${role}.sh, joined`);
  return passed;
});

const others = globSync(["**/*.sh", ".ci/*", "bin/*"], {
  exclude: ["node_modules", "dist", "src/injection/wrapper/scripts"],
}).filter(isShell);
const passed = others.length === 0 || run(["--external-sources", ...others]);

if (!passed || wrappers.includes(false)) process.exitCode = 1;
