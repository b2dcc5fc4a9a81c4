/**
 * What the API tier's tests change in the cluster and put back: they add webhooks beside Curfew's,
 * and remove or break Curfew's own.
 */
import https from "node:https";
import type { AddressInfo } from "node:net";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { accepted, create, request, type KubernetesObject } from "./api.ts";
import { job, politeSidecar, script } from "./manifests.ts";
import { until } from "./until.ts";
import { untilPatched } from "./until-patched.ts";

const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

interface Webhook {
  name: string;
  clientConfig: { url?: string; caBundle?: string };
  failurePolicy?: string;
  rules: object[];
}
interface Configuration extends KubernetesObject {
  webhooks: Webhook[];
}

/** A JSON Patch for an object that is being created. */
export type Mutation = (object: unknown) => readonly { op: string; path: string; value?: unknown }[];

/**
 * Registers a mutating webhook, served from here, for the creation of `resource`, in all namespaces
 * or in `namespace` only. Resolves once the API server calls it, to a function that removes it.
 * Webhooks run in the order of their names: `aa…` before Curfew's, `zz…` after.
 */
export async function addWebhook(
  name: string,
  resource: "jobs" | "pods",
  mutate: Mutation,
  {
    reinvocationPolicy = "Never",
    namespace,
  }: { readonly reinvocationPolicy?: "Never" | "IfNeeded"; readonly namespace?: string } = {},
): Promise<() => Promise<void>> {
  const authority = createTestAuthority();
  let called = false;
  const server = https.createServer(authority.issue(), (incoming, response) => {
    called = true;
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { apiVersion, kind, request } = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      const patch = Buffer.from(JSON.stringify(mutate(request.object))).toString("base64");
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          apiVersion,
          kind,
          response: { uid: request.uid, allowed: true, patchType: "JSONPatch", patch },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const apiGroups = [resource === "jobs" ? "batch" : ""];
  const webhook = {
    name: `${name}.example.org`,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    reinvocationPolicy,
    namespaceSelector: namespace === undefined ? {} : { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(authority.ca).toString("base64") },
    rules: [{ apiGroups, apiVersions: ["v1"], resources: [resource], operations: ["CREATE"] }],
  };
  accepted(await request("POST", CONFIGURATIONS, { metadata: { name }, webhooks: [webhook] }));
  const probe =
    resource === "jobs"
      ? job("probe", [script("main", "true")], { labels: {} })
      : { apiVersion: "v1", kind: "Pod", metadata: { name: "probe" }, spec: { containers: [script("main", "true")] } };
  await until(`the API server calls ${name}`, async () => {
    await create(namespace ?? "default", probe, "?dryRun=All");
    return called;
  });
  return async () => {
    await request("DELETE", `${CONFIGURATIONS}/${name}`);
    await until(`the API server no longer calls ${name}`, async () => {
      called = false;
      await create(namespace ?? "default", probe, "?dryRun=All");
      return !called;
    });
    server.closeAllConnections();
    server.close();
  };
}

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: { readonly uid: string; readonly object: KubernetesObject };
}

const trial = job("trial", [script("main", "true"), politeSidecar()]);

/**
 * Curfew's own configurations. Tests look at the last one. If they write them in this order and
 * see the last one's change, the first one's is there, too.
 */
async function ownConfigurations(): Promise<readonly Configuration[]> {
  const names = ["zz-curfew", "curfew"];
  return Promise.all(
    names.map(async (name) => accepted(await request<Configuration>("GET", `${CONFIGURATIONS}/${name}`))),
  );
}

/** Removes Curfew's webhooks; resolves to a function that puts them back. */
export async function pauseWebhooks(): Promise<() => Promise<void>> {
  const configurations = await ownConfigurations();
  for (const { metadata } of configurations) accepted(await request("DELETE", `${CONFIGURATIONS}/${metadata.name}`));
  await until("no webhook patches Jobs", async () => {
    const { body } = await create("default", trial, "?dryRun=All");
    return body.message?.includes("hasn't seen it");
  });
  return async () => {
    for (const { metadata, webhooks } of configurations) {
      const { name, labels = {} } = metadata;
      accepted(await request("POST", CONFIGURATIONS, { metadata: { name, labels }, webhooks }));
    }
    await untilPatched();
  };
}

/**
 * Points each of Curfew's webhooks to somewhere else; resolves to a function that puts them back.
 * The API server may see either a moment later.
 */
export async function pointWebhooks(to: (webhook: Webhook) => Webhook["clientConfig"]): Promise<() => Promise<void>> {
  const configurations = await ownConfigurations();
  const write = async (change: (webhook: Webhook) => Webhook): Promise<void> => {
    for (const { metadata, webhooks } of configurations) {
      const path = `${CONFIGURATIONS}/${metadata.name}`;
      accepted(await request("PATCH", path, { webhooks: webhooks.map(change) }, "application/merge-patch+json"));
    }
  };
  await write((webhook) => ({ ...webhook, clientConfig: to(webhook) }));
  return async () => {
    await write((webhook) => webhook);
    await untilPatched();
  };
}

/** Points Curfew's webhooks to where nothing answers; resolves to a function that repairs them. */
export async function breakWebhooks(): Promise<() => Promise<void>> {
  const repair = await pointWebhooks(({ clientConfig }) => ({ ...clientConfig, url: "https://127.0.0.1:9/mutate" }));
  await until("the webhook doesn't answer", async () => (await create("default", trial, "?dryRun=All")).status === 500);
  return repair;
}
