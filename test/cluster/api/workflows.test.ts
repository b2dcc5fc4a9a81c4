/** .github/workflows, as actionlint reads them. It needs no API server. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, it } from "vitest";
import { versions } from "../harness/cluster.ts";

/** Runs actionlint, which looks for the repository's workflows if `args` name no file. */
function actionlint(args: readonly string[], input = "") {
  const program = path.join(versions().actionlintBin, "actionlint");
  const cwd = path.join(import.meta.dirname, "../../..");
  const { error, status, stdout } = spawnSync(program, ["-no-color", "-shellcheck=shellcheck", ...args], {
    cwd,
    input,
    encoding: "utf8",
  });
  if (error) throw error;
  return { status, stdout };
}

it("actionlint and shellcheck find nothing in the workflows", () => {
  const workflows = ["ci", "release"].map((name) => `.github/workflows/${name}.yaml`);
  expect(actionlint(workflows)).toEqual({ status: 0, stdout: "" });
});

it("they would: a script's mistake is found in a workflow", () => {
  const job = { "runs-on": "ubuntu-24.04", steps: [{ run: "rm $HOME/*" }] };
  const { status, stdout } = actionlint(["-"], JSON.stringify({ on: "push", jobs: { job } }));
  expect(stdout).toContain("SC2086");
  expect(status).toBe(1);
});
