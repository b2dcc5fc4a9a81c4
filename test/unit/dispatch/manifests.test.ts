import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig } from "../../../src/dispatch/config/parse-config.ts";
import { DEFAULT_TEMPLATE, defaultTemplate } from "../../../src/dispatch/config/default-template.ts";
import { createPlanner } from "../../../src/planner/planner.ts";
import { testConfig } from "../../support/dispatch/config.ts";

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, "../../../manifests/dispatch/server", name), "utf8");

test("the manifests contain the default template, for operators to change", () => {
  expect(parse(read("job.yaml"))).toEqual({ apiVersion: "batch/v1", kind: "Job", ...DEFAULT_TEMPLATE });
});

test.each([3, 4] as const)(
  "with agent %i, Curfew stops the default template's Docker daemon within 30 seconds, and lets a build end in hours",
  (agentVersion) => {
    const template = defaultTemplate(agentVersion);
    const plan = createPlanner({}).planJob({ apiVersion: "batch/v1", kind: "Job", ...template });
    expect(plan).toMatchObject({ kind: "patch", strategy: "trap", warnings: [], limits: [] });
    expect(plan.containers).toMatchObject([
      { name: "dind", role: "sidecar", gracePeriodSeconds: 30 },
      { name: "agent", role: "main" },
    ]);
    expect(template.spec.template.spec["terminationGracePeriodSeconds"]).toBeGreaterThanOrEqual(2 * 3600);
  },
);

test("the default template says what a build needs, and bounds the memory and disk that it gets", () => {
  const { containers, volumes } = DEFAULT_TEMPLATE.spec.template.spec;
  for (const container of containers)
    expect(container).toMatchObject({
      resources: {
        requests: {
          cpu: expect.any(String) as string,
          memory: expect.any(String) as string,
          "ephemeral-storage": expect.any(String) as string,
        },
        limits: { memory: expect.any(String) as string },
      },
    });
  for (const volume of volumes as object[]) expect(volume).toHaveProperty("emptyDir.sizeLimit");
});

test("the manifests' configuration is valid, with the files that the Deployment mounts", () => {
  const mounted = (path: string): string =>
    path.startsWith("/etc/curfew/secrets/") ? "secret" : read(path.replace("/etc/curfew/config/", ""));
  const result = parseConfig(read("dispatch.yaml"), { env: {}, readFile: mounted });
  expect(result).toMatchObject({
    kind: "config",
    notes: [],
    config: { queues: [{ namespace: "buildkite", mode: "queue" }] },
  });
  const deployment = read("deployment.yaml");
  for (const path of ["/etc/curfew/secrets", "/etc/curfew/config"]) expect(deployment).toContain(`mountPath: ${path},`);
});

test("builds get their token from another Secret than the dispatcher, in another namespace", () => {
  const deployment = parse(read("deployment.yaml")) as {
    metadata: { namespace: string };
    spec: { template: { spec: { volumes: { secret?: { secretName: string } }[] } } };
  };
  const own = deployment.spec.template.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []);
  const { namespace } = testConfig().queues[0] ?? {};
  const agent = DEFAULT_TEMPLATE.spec.template.spec.containers.find(({ name }) => name === "agent");
  const token = agent?.env?.find(({ name }) => name === "BUILDKITE_AGENT_TOKEN");
  expect(own).toEqual(["curfew-dispatch"]);
  expect(token).toHaveProperty("valueFrom.secretKeyRef.name", "buildkite-agent");
  expect(namespace).toBe("buildkite");
  expect(deployment.metadata.namespace).toBe("curfew-system");
});
