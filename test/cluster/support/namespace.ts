/** A namespace for a test file, made before its tests and removed after them. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { accepted, request } from "./api.ts";
import { until } from "./until.ts";

/** Makes a namespace with `labels` for the tests of the calling file; returns its name. */
export function testNamespace(purpose: string, labels: Readonly<Record<string, string>> = {}): string {
  const name = `${purpose}-${randomBytes(3).toString("hex")}`;
  beforeAll(async () => {
    accepted(await request("POST", "/api/v1/namespaces", { metadata: { name, labels } }));
    // The token controller makes it. A Pod that's created before that is refused.
    await until("the default ServiceAccount is there", async () => {
      return (await request("GET", `/api/v1/namespaces/${name}/serviceaccounts/default`)).status === 200;
    });
  });
  afterAll(async () => {
    await request("DELETE", `/api/v1/namespaces/${name}`);
  });
  return name;
}
