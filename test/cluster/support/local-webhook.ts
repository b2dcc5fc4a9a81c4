/**
 * The API tier's Curfew: the admission server as a process beside the tests. The API server reaches
 * it by URL, so no image and no node is needed. Webhook entries and policies are those of
 * manifests/base, except for the server's address.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { parseAllDocuments } from "yaml";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { request, type KubernetesObject } from "./api.ts";
import { kubectlOutput } from "./kubectl.ts";
import { untilPatched } from "./until-patched.ts";
import { until } from "./until.ts";

const root = path.join(import.meta.dirname, "../../..");
const PORT = 18443;
const OPS_PORT = 18080;

declare module "vitest" {
  interface ProvidedContext {
    /** Where the admission server's metrics are. */
    opsUrl: string;
    /** The admission server's process. */
    admissionPid: number;
  }
}

interface WebhookConfiguration extends KubernetesObject {
  webhooks: { clientConfig: { service?: { path: string }; url?: string; caBundle?: string } }[];
}

/** The webhook configuration and policies of manifests/base, pointed at the local server. */
async function clusterObjects(caBundle: string): Promise<readonly KubernetesObject[]> {
  const documents = parseAllDocuments(await kubectlOutput(["kustomize", path.join(root, "manifests/base")]));
  const objects = documents.map((document) => document.toJS() as KubernetesObject);
  const wanted = objects.filter(({ apiVersion }) => apiVersion?.startsWith("admissionregistration.k8s.io/"));
  for (const object of wanted) {
    if (object.kind !== "MutatingWebhookConfiguration") continue;
    for (const webhook of (object as WebhookConfiguration).webhooks) {
      webhook.clientConfig = { url: `https://127.0.0.1:${PORT}${webhook.clientConfig.service?.path ?? ""}`, caBundle };
    }
  }
  return wanted;
}

async function startServer(folder: string): Promise<ChildProcess> {
  const flags = { host: "127.0.0.1", port: PORT, "ops-port": OPS_PORT, "drain-seconds": 0 };
  const files = { "tls-cert": path.join(folder, "tls.crt"), "tls-key": path.join(folder, "tls.key") };
  const options = Object.entries({ ...flags, ...files }).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  const server = spawn(process.execPath, ["src/cli.ts", "admission", ...options], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  await until("the admission server is ready", async () => {
    if (server.exitCode !== null) throw new Error(`the admission server ended with ${server.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${OPS_PORT}/readyz`).catch(() => undefined);
    return answer?.ok;
  });
  return server;
}

/** Vitest's global set-up of the `api` project; returns its tear-down. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(path.join(tmpdir(), "curfew-webhook-"));
  const authority = createTestAuthority();
  const { cert, key } = authority.issue();
  writeFileSync(path.join(folder, "tls.crt"), cert);
  writeFileSync(path.join(folder, "tls.key"), key);
  const server = await startServer(folder);
  const objects = await clusterObjects(Buffer.from(authority.ca).toString("base64"));
  await kubectlOutput(
    ["apply", "--server-side", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
  );
  await untilPatched();
  project.provide("opsUrl", `http://127.0.0.1:${OPS_PORT}`);
  project.provide("admissionPid", server.pid ?? 0);
  return async () => {
    for (const { apiVersion = "", kind = "", metadata } of objects) {
      await request("DELETE", `/apis/${apiVersion}/${kind.replace(/y$/, "ie").toLowerCase()}s/${metadata.name}`);
    }
    server.kill("SIGKILL"); // the API server keeps its connections, so it would drain for a while
    rmSync(folder, { recursive: true });
  };
}
