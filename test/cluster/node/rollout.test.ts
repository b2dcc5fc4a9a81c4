/** Curfew is replaced under load: no Job is refused, and none is created without a patch. */
import { expect, it } from "vitest";
import { createJobs, describeLoad } from "../support/job-load.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("rollout");
const JOBS = 500;

it("while the admission Pods are replaced, each of 500 labelled Jobs is created, and patched", async () => {
  const deployment = ["-n", "curfew-system", "deployment/curfew-admission"];
  await kubectlOutput(["rollout", "restart", ...deployment]);
  const load = createJobs(namespace);
  // Until both have been seen: the whole rollout, and 500 Jobs.
  await kubectlOutput(["rollout", "status", ...deployment, "--timeout=180s"]);
  await expect.poll(load.created, { timeout: 180_000 }).toBeGreaterThanOrEqual(JOBS);
  const result = await load.stop();
  console.log(describeLoad("rollout of both admission Pods", result));
  expect(result).toMatchObject({ failures: [], lost: [], unpatched: [] });
  expect(result.created).toBeGreaterThanOrEqual(JOBS);
});
