/**
 * The node tier's Curfew: manifests/default as shipped, running the image that CURFEW_IMAGE names.
 * It's removed again, unless the cluster ends with the tests. If Curfew is already installed, the
 * tests use that, and leave it.
 */
import path from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { kubectl, kubectlOutput } from "./kubectl.ts";
import { untilPatched } from "./until-patched.ts";

const root = path.join(import.meta.dirname, "../../..");

/** manifests/FOLDER, running `image`. */
export async function manifestsWith(image: string, folder = "default"): Promise<string> {
  const text = await kubectlOutput(["kustomize", path.join(root, "manifests", folder)]);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as unknown);
  const changed = JSON.stringify(objects).replaceAll(
    /"image":"curfew(:[^"]*)?"/g,
    JSON.stringify({ image }).slice(1, -1),
  );
  return (JSON.parse(changed) as unknown[]).map((object) => stringify(object)).join("---\n");
}

/** Vitest's global set-up of the `node` project; returns its tear-down. */
export default async function setup(): Promise<() => Promise<void>> {
  const image = process.env["CURFEW_IMAGE"];
  if (image === undefined) throw new Error("CURFEW_IMAGE is not set: set it to the image that the cluster should run");
  const { stdout } = await kubectl(["get", "namespace", "curfew-system", "--ignore-not-found", "-o", "name"]);
  const manifests = await manifestsWith(image);
  await kubectlOutput(["apply", "-f", "-"], manifests);
  await kubectlOutput(["rollout", "status", "-n", "curfew-system", "deployment", "--timeout=180s"]);
  await untilPatched(120);
  return async () => {
    if (stdout === "" && process.env["CURFEW_TEST_CLUSTER_ENDS"] === undefined)
      await kubectlOutput(["delete", "--ignore-not-found", "-f", "-"], manifests);
  };
}
