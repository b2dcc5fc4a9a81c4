import { chmodSync, copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl, kubectlOutput } from "../support/kubectl.ts";

const bin = path.join(import.meta.dirname, "../../../bin");

let folder: string;
const before = process.env["PATH"];
beforeAll(() => {
  // As npm installs them, but with this Node.
  folder = mkdtempSync(path.join(tmpdir(), "curfew-plugin-"));
  symlinkSync(process.execPath, path.join(folder, "node"));
  for (const name of ["kubectl-curfew", "kubectl_complete-curfew"]) {
    const target = path.join(bin, `${name}.js`);
    chmodSync(target, 0o755);
    symlinkSync(target, path.join(folder, name));
  }
  process.env["PATH"] = `${folder}:${before ?? ""}`;
});
afterAll(() => {
  process.env["PATH"] = before;
  rmSync(folder, { recursive: true });
});

describe("kubectl curfew", () => {
  it("is found by kubectl, and says what was typed", async () => {
    expect(await kubectlOutput(["plugin", "list", "--name-only"])).toContain("kubectl-curfew");
    const { status, stderr } = await kubectl(["curfew", "expalin"]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `kubectl curfew: there's no command "expalin". Did you mean explain?\n`,
    });
  });

  it("builds a kustomization by kubectl itself", async () => {
    const examples = path.join(bin, "../examples/buildkite-agent.yaml");
    copyFileSync(examples, path.join(folder, "job.yaml"));
    writeFileSync(path.join(folder, "kustomization.yaml"), "resources: [job.yaml]\nnamePrefix: prod-\n");
    const { jobs } = JSON.parse(await kubectlOutput(["curfew", "explain", "-o", "json", "-k", folder])) as {
      jobs: { name: string }[];
    };
    expect(jobs.map(({ name }) => name)).toEqual([expect.stringMatching(/^prod-/)]);
  });

  it("is completed by kubectl", async () => {
    expect(await kubectlOutput(["__complete", "curfew", "expl"])).toBe(
      "explain\tsay what would happen to the Jobs in manifests, and why\n:4\n",
    );
    expect(await kubectlOutput(["__complete", "curfew", "explain", "-o", ""])).toBe("text\njson\n:4\n");
    expect(await kubectlOutput(["__complete", "curfew", "explain", "-f", ""])).toBe(":0\n");
  });
});
