/**
 * tini under the wrapper, as in the image buildkite/agent. Its entry point ends in `tini -g -- …`,
 * which expects to be PID 1.
 */
import { expect } from "vitest";
import { promise } from "../support/wrappers/shells.ts";
import { sh } from "../support/wrappers/wrapped-pod.ts";

/** Leaves nine orphans that end while it runs, and then prints how many of them are zombies. */
const ORPHANS = sh(
  'for i in 1 2 3 4 5 6 7 8 9; do sh -c "sleep .1 & :"; done; sleep .6; ' +
    'grep -l "State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l; exit 5',
);
const TINI = ["tini", "-g", "--", ...ORPHANS];
const SUBREAPER = { PATH: process.env["PATH"] ?? "", TINI_SUBREAPER: "true" };
const needs = ["namespaces", "command tini"] as const;

promise(
  "tini warns that it isn't PID 1, and the wrapper reaps zombies instead",
  async (pod) => {
    const main = pod.main(TINI);
    expect((await main.exited).code).toBe(5);
    expect(main.output).toEqual(["0"]);
    expect(main.stderr).toContain("Tini is not running as PID 1");
  },
  { needs },
);

promise(
  "with TINI_SUBREAPER, tini says nothing and reaps zombies itself, under the wrapper and as PID 1",
  async (pod) => {
    for (const main of [pod.main(TINI, { env: SUBREAPER }), pod.plain(TINI, { env: SUBREAPER })]) {
      expect((await main.exited).code).toBe(5);
      expect(main.output).toEqual(["0"]);
      expect(main.stderr).toBe("");
    }
  },
  { needs },
);

promise(
  "tini passes TERM on to its process group, with TINI_SUBREAPER and without",
  async (pod) => {
    for (const env of [SUBREAPER, { PATH: SUBREAPER.PATH }]) {
      const main = pod.main(["tini", "-g", "--", ...sh('trap "exit 7" TERM; echo up; while :; do sleep .05; done')], {
        env,
      });
      await main.saw("up");
      main.kill("SIGTERM");
      expect((await main.exited).code).toBe(7);
    }
  },
  { needs },
);
