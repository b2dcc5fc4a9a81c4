/** The Secrets of agents' tokens, with the real API server and the real garbage collector. */
import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { SecretsApi, type JobSecret } from "../../../src/dispatch/jobs/secrets-api.ts";
import { KubeClient } from "../../../src/kubernetes/client.ts";
import { accepted, create, pathOf, request, type KubernetesObject } from "../support/api.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("tokens");

function secretsApi(): SecretsApi {
  const config = new KubeConfig();
  config.loadFromDefault();
  return new SecretsApi(new KubeClient(config));
}

/** A Job that's suspended, so that nothing happens to it. */
async function createOwner(name: string): Promise<JobSecret> {
  const containers = [{ name: "agent", image: "none" }];
  const spec = { suspend: true, template: { spec: { restartPolicy: "Never", containers } } };
  const job = accepted(await create(namespace, { apiVersion: "batch/v1", kind: "Job", metadata: { name }, spec }));
  const owner = { namespace, name, uid: job.metadata.uid ?? "" };
  return { owner, labels: { "curfew.sh/buildkite-job": name }, key: "token", value: "first" };
}

async function deleteJob(name: string): Promise<void> {
  accepted(await request("DELETE", `${pathOf("Job", namespace, name)}?propagationPolicy=Background`));
}

async function secret(name: string): Promise<KubernetesObject | undefined> {
  const answer = await request("GET", pathOf("Secret", namespace, name));
  return answer.status === 404 ? undefined : accepted(answer);
}

describe("the Secret of an agent's token", () => {
  it("is created, replaced, and deleted by its UID", async () => {
    const api = secretsApi();
    const owned = await createOwner("lives");
    const created = await api.put(owned, "create");
    expect(created).toMatchObject({ kind: "created", uid: (await secret("lives"))?.metadata.uid });
    const replaced = await api.put({ ...owned, value: "second" }, "create");
    expect(replaced).toEqual({ ...created, kind: "replaced" });
    expect((await secret("lives"))?.["data"]).toEqual({ token: Buffer.from("second").toString("base64") });
    const uid = "uid" in replaced ? replaced.uid : "";
    expect(await api.delete(namespace, "lives", "another")).toBeUndefined();
    expect(await secret("lives")).toBeDefined();
    expect(await api.delete(namespace, "lives", uid)).toBeUndefined();
    expect(await secret("lives")).toBeUndefined();
    expect(await api.put(owned, "replace")).toMatchObject({ kind: "created" });
  });

  it("goes with its Job", async () => {
    const owned = await createOwner("goes");
    expect(await secretsApi().put(owned, "create")).toMatchObject({ kind: "created" });
    await deleteJob("goes");
    await expect.poll(() => secret("goes")).toBeUndefined();
  });

  it("goes, too, if it's created after its Job was deleted", async () => {
    const owned = await createOwner("late");
    await deleteJob("late");
    await expect.poll(async () => (await request("GET", pathOf("Job", namespace, "late"))).status).toBe(404);
    expect(await secretsApi().put(owned, "create")).toMatchObject({ kind: "created" });
    await expect.poll(() => secret("late")).toBeUndefined();
  });
});
