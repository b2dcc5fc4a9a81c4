/** Curfew is replaced under load: no Job is refused, and none is created without a patch. */
import { expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type Answer } from "../support/api.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("rollout");
const JOBS = 500;
const CREATORS = 8;

it("while the admission Pods are replaced, each of 500 labelled Jobs is created, and patched", async () => {
  const deployment = ["-n", "curfew-system", "deployment/curfew-admission"];
  await kubectlOutput(["rollout", "restart", ...deployment]);
  let rolling = true;
  const rollout = kubectlOutput(["rollout", "status", ...deployment, "--timeout=180s"]).finally(
    () => (rolling = false),
  );
  let created = 0;
  const wrong: unknown[] = [];
  const creator = async (): Promise<void> => {
    // Until both have been seen: the whole rollout, and 500 Jobs.
    while (rolling || created < JOBS) {
      const name = `job-${created++}`;
      const containers = [script("main", "true"), politeSidecar()];
      // Suspended, a Job costs the node nothing.
      const manifest = job(name, containers, { annotations: { "curfew.sh/main": "main" }, spec: { suspend: true } });
      const answer = await create(namespace, manifest);
      if (!isPatched(answer)) wrong.push({ name, status: answer.status, message: answer.body.message });
      await sleep(100);
    }
  };
  await Promise.all([rollout, ...Array.from({ length: CREATORS }, creator)]);
  expect(wrong).toEqual([]);
  expect(created).toBeGreaterThanOrEqual(JOBS);
});

function isPatched({ status, body }: Answer): boolean {
  const annotations = body.metadata["annotations"] as Record<string, string> | undefined;
  return status === 201 && annotations?.["curfew.sh/injected"] === "trap";
}
