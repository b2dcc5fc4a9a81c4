import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** Node's options in the Deployment of manifests/FOLDER: what is measured is what ships. */
export function nodeOptionsOf(folder: "base" | "certs" | "dispatch/server"): readonly string[] {
  const file = new URL(`../../manifests/${folder}/deployment.yaml`, import.meta.url);
  const deployment = parse(readFileSync(file, "utf8"), { merge: true }) as {
    spec: { template: { spec: { containers: { env?: { name: string; value: string }[] }[] } } };
  };
  const env = deployment.spec.template.spec.containers[0]?.env ?? [];
  return env.find(({ name }) => name === "NODE_OPTIONS")?.value.split(" ") ?? [];
}
