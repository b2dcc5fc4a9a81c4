/** What pages say again that follows from the code or from another file. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { createPlanner } from "../../../src/planner/planner.ts";
import { applied } from "../../support/injection/json-patch.ts";
import { rowsUnder, sectionsOf, textUnder } from "../../support/markdown.ts";

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

test("README.md has at most 150 lines", () => {
  expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});

test("README.md and examples/README.md count the examples", () => {
  const count = globSync("**/*.yaml", { cwd: join(root, "examples"), exclude: ["buildkite/**"] }).length;
  expect({ 17: "seventeen" }[count]).toBeDefined();
  expect(read("README.md")).toContain("[seventeen examples](examples/README.md)");
});

describe("docs/operations.md, when Curfew is called", () => {
  interface Configuration {
    readonly kind: string;
    readonly webhooks: readonly { readonly name: string; readonly failurePolicy: string }[];
  }
  const entries = parseAllDocuments(read("manifests/base/webhooks.yaml"), { merge: true }).flatMap(
    (document) => (document.toJS() as Configuration).webhooks,
  );
  const lines = textUnder(read("docs/operations.md"), "When Curfew is called")
    .split("\n")
    .filter((line) => line.includes("▶ "));

  test.each(entries)("has the entry $name, and what its failurePolicy does", ({ name, failurePolicy }) => {
    const short = name.replace(/\.curfew\.sh$/, "");
    const line = lines.find((each) => new RegExp(`▶ ${short}(?![\\w-])`).test(each));
    expect(line).toBeDefined();
    expect(line?.endsWith("it isn't created")).toBe(failurePolicy === "Fail");
  });

  test("has no other entry", () => {
    expect(lines.filter((line) => !line.endsWith("▶ nobody"))).toHaveLength(entries.length);
  });
});

describe("docs/sizing.md", () => {
  test("says what the Deployments ask for", () => {
    const files = ["base", "certs", "dispatch/server"].map((folder) => `manifests/${folder}/deployment.yaml`);
    const expected = files.map((file) => {
      const { metadata, spec } = parse(read(file)) as Deployment;
      const [container] = spec.template.spec.containers;
      const { requests = {}, limits = {} } = container?.resources ?? {};
      const asked = [requests["cpu"], spaced(requests["memory"])].join(", ");
      return [`\`${metadata.name}\``, String(spec.replicas), asked, spaced(limits["memory"])];
    });
    const table = sectionsOf(read("docs/sizing.md"))[0]?.heading ?? "";
    expect(rowsUnder(read("docs/sizing.md"), table).map((row) => row.slice(0, 4))).toEqual(expected);
  });

  test("says how much a wrapper adds to a Job", () => {
    const job = parse(read("examples/smoke.yaml")) as object;
    const plan = createPlanner({ strategy: "trap" }).planJob(job);
    if (plan.kind !== "patch") throw new Error("the example isn't patched");
    const sizes = (of: object): readonly number[] =>
      (of as Job).spec.template.spec.containers.map((container) => JSON.stringify(container).length);
    const before = sizes(job);
    const after = sizes(applied(job, plan.patch) as object);
    const [, main = "", sidecar = ""] =
      /([\d.]+) KB\s+for\s+each\s+main\s+container,\s+and\s+([\d.]+)\s+KB\s+for\s+each\s+sidecar/.exec(
        read("docs/sizing.md"),
      ) ?? [];
    for (const [index, said] of [main, sidecar].entries()) {
      const added = ((after[index] ?? 0) - (before[index] ?? 0)) / 1000;
      expect(Math.abs(added - Number(said)), `${added} KB`).toBeLessThan(0.3);
    }
  });

  function spaced(quantity = ""): string {
    return quantity.replace(/^(\d+)(\w+)$/, "$1 $2");
  }
});

interface Job {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly object[] } } };
}

interface Deployment {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly resources: Readonly<Record<"requests" | "limits", Readonly<Record<string, string>>>>;
        }[];
      };
    };
  };
}

test("docs/versions.md has the versions that the tests run", () => {
  const pinned = [...read("test/cluster/harness/versions.sh").matchAll(/_VERSION:-([\d.]+)\}/g)].map(
    ([, each]) => each,
  );
  const rows = rowsUnder(read("docs/versions.md"), "Everything else");
  expect(rows.length).toBeGreaterThan(4);
  for (const [what, version] of rows) expect(pinned, what).toContain(version);
  const [, kubernetes] = /KUBERNETES_VERSION:-([\d.]+)\}/.exec(read("test/cluster/harness/versions.sh")) ?? [];
  expect(rowsUnder(read("docs/versions.md"), "Kubernetes").map(([version]) => version)).toContain(kubernetes);
});
