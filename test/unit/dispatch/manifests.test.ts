import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig } from "../../../src/dispatch/config/parse-config.ts";
import { DEFAULT_TEMPLATE } from "../../../src/dispatch/config/default-template.ts";

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, "../../../manifests/dispatch", name), "utf8");

test("the manifests contain the default template, for operators to change", () => {
  expect(parse(read("job.yaml"))).toEqual({ apiVersion: "batch/v1", kind: "Job", ...DEFAULT_TEMPLATE });
});

test("the manifests' configuration is valid, with the files that the Deployment mounts", () => {
  const mounted = (path: string): string =>
    path.startsWith("/etc/curfew/secrets/") ? "secret" : read(path.replace("/etc/curfew/config/", ""));
  const result = parseConfig(read("dispatch.yaml"), { env: {}, readFile: mounted });
  expect(result).toMatchObject({ kind: "config", config: { queues: [{ namespace: "buildkite", mode: "queue" }] } });
  const deployment = read("deployment.yaml");
  for (const path of ["/etc/curfew/secrets", "/etc/curfew/config"]) expect(deployment).toContain(`mountPath: ${path},`);
});
