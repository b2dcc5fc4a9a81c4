/** tini under the wrapper, as in the image buildkite/agent: its entry point ends in `tini -g -- …`, which expects to be PID 1. */
import { expect } from "vitest";
import { promise } from "../support/wrappers/shells.ts";
import { sh } from "../support/wrappers/wrapped-pod.ts";

/** Leaves nine orphans that end while it runs, and says how many of them are zombies then. */
const ORPHANS = sh(
  'for i in 1 2 3 4 5 6 7 8 9; do sh -c "sleep .1 & :"; done; sleep .6; ' +
    'grep -l "State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l; exit 5',
);
const TINI = ["tini", "-g", "--", ...ORPHANS];
const SUBREAPER = { PATH: process.env["PATH"] ?? "", TINI_SUBREAPER: "true" };
const needs = ["namespaces", "command tini"] as const;

promise(
  "tini warns that it is not PID 1, and the wrapper reaps the zombies in its place",
  async (pod) => {
    const main = pod.main(TINI);
    expect((await main.exited).code).toBe(5);
    expect(main.output).toEqual(["0"]);
    expect(main.stderr).toContain("Tini is not running as PID 1");
  },
  { needs },
);

promise(
  "with TINI_SUBREAPER it says nothing and reaps them itself, under the wrapper and as PID 1",
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
  "with TINI_SUBREAPER TERM is passed on to its process group, as without it",
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
