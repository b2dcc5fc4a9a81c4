import { describe, expect, it } from "vitest";
import { createJob, type Job } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { addWebhook } from "../support/webhooks.ts";

const namespace = testNamespace("neighbours");
const containers = [script("main", "true"), politeSidecar()];

/** A webhook that adds a sidecar to Jobs that have none of that name, as service meshes do. */
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
      it(`leaves main the main container, and its own a sidecar (${strategy})`, async () => {
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
