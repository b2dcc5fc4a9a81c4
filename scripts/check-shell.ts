/**
 * Part of `npm run check`: runs shellcheck on every shell script in the repository. Each wrapper is
 * checked as it runs, with its files joined.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { readScript } from "./embed-scripts.ts";

const isShell = (file: string): boolean => /^#!.*\b(ba|da)?sh\b/.test(readFileSync(file, "utf8").slice(0, 80));

/**
 * What the wrappers do on purpose: change variables in a subshell only (2030, 2031), expand a
 * trap's text when they set it (2064), split words (2086), open a FIFO for reading and writing at
 * once (2094), use names that end in a number (2154), give signals by number (2172), and call
 * functions only from traps (2317, 2329).
 */
const WRAPPER_EXCEPTIONS = "SC2030,SC2031,SC2064,SC2086,SC2094,SC2154,SC2172,SC2317,SC2329";

const passesShellcheck = (args: readonly string[], input?: string): boolean => {
  const { error, status, stdout, stderr } = spawnSync("shellcheck", args, { input, encoding: "utf8" });
  if (error !== undefined)
    throw new Error("shellcheck didn't start: is it installed (apt-get install shellcheck)?", { cause: error });
  if (status !== 0) console.error(stdout + stderr);
  return status === 0;
};

const wrappers = (["main", "sidecar"] as const).map((role) => {
  const passed = passesShellcheck(["--shell=sh", `--exclude=${WRAPPER_EXCEPTIONS}`, "-"], readScript(role));
  if (!passed) console.error(`^ events.sh, app.sh and ${role}.sh, joined`);
  return passed;
});

const others = globSync(["**/*.sh", ".ci/*", "bin/*"], {
  exclude: ["node_modules", "dist", "src/injection/wrapper/scripts"],
}).filter(isShell);
const passed = others.length === 0 || passesShellcheck(["--external-sources", ...others]);

if (!passed || wrappers.includes(false)) process.exitCode = 1;
