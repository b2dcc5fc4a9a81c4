import { describe, expect, it } from "vitest";
import { create } from "../support/api.ts";
import { createJob, type Job } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { addWebhook } from "../support/webhooks.ts";

const namespace = testNamespace("neighbours");
const containers = [script("main", "true"), politeSidecar()];

/** A webhook that adds a sidecar to Jobs without one of that name, as service meshes do. */
const addsProxy = (object: unknown) =>
  (object as Job).spec.template.spec.containers.some(({ name }) => name === "proxy")
    ? []
    : [{ op: "add", path: "/spec/template/spec/containers/0", value: politeSidecar("proxy") }];

for (const [order, name] of [
  ["before", "aa-adds"],
  ["after", "zz-adds"],
] as const) {
  describe(`a webhook that runs ${order} Curfew's and adds a container in front`, () => {
    for (const strategy of ["trap", "native"] as const) {
      it(`doesn't change which container is main, and its own becomes a sidecar (${strategy})`, async () => {
        const remove = await addWebhook(name, "jobs", addsProxy);
        try {
          const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
          const created = await createJob(namespace, job(`${name}-${strategy}`, containers, { annotations }));
          const { spec } = created.spec.template;
          if (strategy === "native") {
            expect(spec.containers.map((container) => container.name)).toEqual(["main"]);
            expect(spec.initContainers?.map((container) => [container.name, container.restartPolicy]).sort()).toEqual([
              ["proxy", "Always"],
              ["sidecar", "Always"],
            ]);
          } else {
            const roles = Object.fromEntries(
              spec.containers.map(({ name, args }) => [name, args?.find((arg) => /^(main|sidecar)$/.test(arg))]),
            );
            expect(roles).toEqual({ main: "main", sidecar: "sidecar", proxy: "sidecar" });
          }
        } finally {
          await remove();
        }
      });
    }
  });
}

describe("a webhook that looks for its container only among containers, and is called again", () => {
  const native = { "curfew.sh/main": "main", "curfew.sh/strategy": "native" };
  const trap = { ...native, "curfew.sh/strategy": "trap" };

  it("can run before Curfew's: one container is left", async () => {
    const remove = await addWebhook("aa-adds-again", "jobs", addsProxy, { reinvocationPolicy: "IfNeeded" });
    try {
      const { spec } = (await createJob(namespace, job("again-native", containers, { annotations: native }))).spec
        .template;
      expect(spec.containers.map(({ name }) => name)).toEqual(["main"]);
      expect(spec.initContainers?.map(({ name }) => name).toSorted()).toEqual(["proxy", "sidecar"]);
    } finally {
      await remove();
    }
  });

  it("after Curfew's, adds a second one under native, which the API server refuses, and none under trap", async () => {
    const remove = await addWebhook("zz-adds-again", "jobs", addsProxy, { reinvocationPolicy: "IfNeeded" });
    try {
      const refused = await create(namespace, job("again-after-native", containers, { annotations: native }));
      expect(refused.status).toBe(422);
      expect(refused.body.message).toContain('Duplicate value: "proxy"');
      const { spec } = (await createJob(namespace, job("again-after-trap", containers, { annotations: trap }))).spec
        .template;
      expect(spec.containers.map(({ name }) => name).toSorted()).toEqual(["main", "proxy", "sidecar"]);
    } finally {
      await remove();
    }
  });
});

it("if another webhook may have added the label after Curfew's turn, the refusal says so", async () => {
  const label = [{ op: "add", path: "/metadata/labels", value: { "curfew.sh/enabled": "true" } }];
  const remove = await addWebhook("zz-labels", "jobs", (object) =>
    (object as Job).metadata.name === "labelled-late" ? label : [],
  );
  try {
    const { status, body } = await create(namespace, job("labelled-late", containers, { labels: {} }));
    expect(status).toBe(403);
    expect(body.message).toContain("Or another webhook added it after Curfew's turn: rename its configuration");
  } finally {
    await remove();
  }
});
