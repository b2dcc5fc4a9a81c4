import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { textUnder } from "../../support/markdown.ts";
import type { KubernetesObject } from "../support/api.ts";
import { kubectlOutput } from "../support/kubectl.ts";

const manifests = path.join(import.meta.dirname, "../../../manifests");
const readme = readFileSync(path.join(manifests, "README.md"), "utf8");

/** What kubectl makes of the kustomizations under a heading of manifests/README.md. Their first lines name their files. */
async function rendered(heading: string): Promise<KubernetesObject[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "curfew-kustomization-"));
  try {
    for (const [, file = "", text = ""] of textUnder(readme, heading).matchAll(/```yaml\n# (\S+)\n([^]*?)```/g)) {
      const target = path.join(folder, file);
      mkdirSync(path.dirname(target), { recursive: true });
      const from = path.relative(path.dirname(target), manifests);
      writeFileSync(target, text.replaceAll(/https:\S+?\/\/manifests\/([^?\s]+)\?ref=[\w.]+/g, `${from}/$1`));
    }
    const text = await kubectlOutput(["kustomize", folder]);
    return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const namesOf = (objects: readonly KubernetesObject[], namespace: string): string[] =>
  objects
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map(({ kind, metadata }) => `${kind} ${metadata.name.replace(/-[0-9a-z]{10}$/, "")}`)
    .sort();

describe("manifests/README.md", () => {
  it("puts Curfew into a namespace of your own, with your image and a PriorityClass", async () => {
    const objects = await rendered("Your own settings");
    expect(namesOf(objects, "curfew-system")).toEqual([]);
    expect(JSON.stringify(objects)).toContain('"image":"registry.example.org/curfew:0.1.0"');
    expect(JSON.stringify(objects)).toContain('"priorityClassName":"curfew"');
  });

  it("puts Curfew and its dispatcher into a namespace of your own, and builds into theirs", async () => {
    const objects = await rendered("The dispatcher in your own namespace");
    expect(namesOf(objects, "curfew-system")).toEqual([]);
    expect(namesOf(objects, "platform-curfew")).toEqual(
      expect.arrayContaining([
        "Deployment curfew-admission",
        "Deployment curfew-dispatch",
        "ConfigMap curfew-dispatch",
      ]),
    );
    expect(namesOf(objects, "buildkite")).toEqual(["Role curfew-dispatch", "RoleBinding curfew-dispatch"]);
    expect(
      objects
        .filter(({ kind }) => kind === "Namespace")
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(["buildkite", "platform-curfew"]);
    const [binding] = objects.filter(
      ({ kind, metadata }) => kind === "RoleBinding" && metadata.namespace === "buildkite",
    );
    expect(binding?.["subjects"]).toEqual([
      { kind: "ServiceAccount", name: "curfew-dispatch", namespace: "platform-curfew" },
    ]);
  });
});

it.each(["default", "cert-manager", "dispatch", "monitoring"])(
  "every object of manifests/%s has the labels that tools look for",
  async (folder) => {
    const objects = parseAllDocuments(await kubectlOutput(["kustomize", path.join(manifests, folder)]));
    expect(objects.length).toBeGreaterThan(2);
    for (const object of objects) {
      const { metadata } = object.toJS() as { metadata: { labels?: object } };
      const keys = ["name", "instance", "version", "component", "part-of", "managed-by"];
      expect(Object.keys(metadata.labels ?? {})).toEqual(
        expect.arrayContaining(keys.map((key) => `app.kubernetes.io/${key}`)),
      );
    }
  },
);
