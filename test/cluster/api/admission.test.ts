import { describe, expect, inject, it } from "vitest";
import { accepted, create, request } from "../support/api.ts";
import { kubectl } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("admission");

describe("an opted-in Job", () => {
  it("is patched by the API server's call of the webhook", async () => {
    const created = accepted(await create(namespace, job("patched", [script("main", "true"), politeSidecar()])));
    expect(created.metadata).toMatchObject({ annotations: { "curfew.sh/injected": "trap" } });
  });
});
