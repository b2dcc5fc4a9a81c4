import { expect, it } from "vitest";
import { check } from "../support/check.ts";
import { testNamespace } from "../support/namespace.ts";

const enabled = testNamespace("check-enabled", { "curfew.sh/enabled": "true" });

/** Those that look at Curfew itself. Other tests add webhooks, and have Jobs refused. */
const OWN = ["deployments", "server-version", "manifest-version", "ops-port", "certificates", "ca-bundles"].concat(
  ...["presented-certificate", "webhook-entries", "policies"],
);

it("curfew check finds nothing wrong with an installation as shipped", async () => {
  const own = async () => (await check()).filter((finding) => OWN.includes(finding.check));
  // Another test restarts the Pods.
  await expect
    .poll(async () => (await own()).filter(({ mark }) => mark !== "good").map(({ text }) => text), { timeout: 200_000 })
    .toEqual([]);
  const findings = await own();
  expect([...new Set(findings.map((finding) => finding.check))].sort()).toEqual(OWN.toSorted());
  expect(findings.filter((finding) => finding.check === "webhook-entries")).toHaveLength(5);
  expect(enabled).toBeTruthy();
});
