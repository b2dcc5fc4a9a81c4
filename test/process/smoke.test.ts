/** The smoke Job of the README's "Install", as Curfew patches it, but for the cluster. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { createPlanner } from "../../src/planner/planner.ts";
import { startPod } from "../../sim/pods/pod.ts";
import type { JobObject } from "../../sim/api-server/api-server.ts";
import { applied } from "../support/injection/json-patch.ts";
import { textUnder } from "../support/markdown.ts";

const root = join(import.meta.dirname, "../..");

test("examples/smoke.yaml prints what the README says, and ends with 0", async () => {
  const job = parse(readFileSync(join(root, "examples/smoke.yaml"), "utf8")) as JobObject;
  const plan = createPlanner({}).planJob(job);
  if (plan.kind !== "patch") throw new Error("the Job isn't patched");
  const { spec } = applied(job, plan.patch) as JobObject;
  const pod = startPod(spec.template.spec, () => ({ entrypoint: [], cmd: ["sh"], commands: "/usr/bin" }));
  try {
    const [main, sidecar] = [...pod.containers.values()];
    const ends = await Promise.all([main?.exited, sidecar?.exited]);
    expect(ends).toMatchObject([{ code: 0 }, { code: 0 }]);
    const install = textUnder(readFileSync(join(root, "README.md"), "utf8"), "Install");
    const [, said = ""] = /^```\n(job\.batch[^`]*)^```$/m.exec(install) ?? [];
    expect(said.trimEnd().split("\n")).toEqual([
      `job.batch/${job.metadata.name ?? ""} created`,
      `job.batch/${job.metadata.name ?? ""} condition met`,
      ...(main?.output ?? []),
      ...(sidecar?.stderr.trimEnd().split("\n") ?? []),
      ...(sidecar?.output ?? []),
    ]);
  } finally {
    pod.remove();
  }
});
