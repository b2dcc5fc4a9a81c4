/**
 * tini under the wrapper, as in the image buildkite/agent. Its entry point ends in `tini -g -- …`,
 * which expects to be PID 1.
 */
import { expect } from "vitest";
import { LEAVES_ORPHANS } from "../support/wrappers/orphans.ts";
import { promise } from "../support/wrappers/shells.ts";
import { sh } from "../support/wrappers/wrapped-pod.ts";

const TINI = ["tini", "-g", "--", ...LEAVES_ORPHANS];
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
