/** Curfew's webhook entries and policies, as shipped but for the server's address. */
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { accepted, create, request, type KubernetesObject } from "../../test/cluster/support/api.ts";
import { kubectlOutput } from "../../test/cluster/support/kubectl.ts";
import { job, politeSidecar, script } from "../../test/cluster/support/manifests.ts";
import { until } from "../../test/cluster/support/until.ts";

const BASE = path.join(import.meta.dirname, "../../manifests/base");
const GROUP = "/apis/admissionregistration.k8s.io/v1";
const CONFIGURATIONS = `${GROUP}/mutatingwebhookconfigurations`;
/** Nothing listens there. */
const CLOSED_PORT = 9;
/** How a policy refuses (manifests/base/policy-jobs.yaml). */
const FORBIDDEN = 403;

interface Configuration extends KubernetesObject {
  readonly webhooks: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

export interface ShippedConfiguration {
  /** Gives the API server the policies and the entries. Resolves once it acts by them. */
  readonly add: () => Promise<void>;
  /** Resolves once the API server has forgotten both. */
  readonly remove: () => Promise<void>;
  /** Points the entries to where nothing listens, as if Curfew were down, or back. */
  readonly pointTo: (where: "nowhere" | "curfew") => Promise<void>;
}

export async function shippedConfiguration({
  port,
  ca,
}: {
  readonly port: number;
  readonly ca: string;
}): Promise<ShippedConfiguration> {
  const documents = parseAllDocuments(await kubectlOutput(["kustomize", BASE]));
  const objects = documents.map((document) => document.toJS() as KubernetesObject);
  const policies = objects.filter(({ kind = "" }) => kind.startsWith("ValidatingAdmission"));
  const shipped = objects.filter(({ kind }) => kind === "MutatingWebhookConfiguration") as Configuration[];
  const caBundle = Buffer.from(ca).toString("base64");
  const entriesOf = ({ webhooks }: Configuration, to: number) =>
    webhooks.map((entry) => ({
      ...entry,
      clientConfig: { url: `https://127.0.0.1:${to}${entry.clientConfig.service.path}`, caBundle },
    }));
  const folderOf = ({ kind = "" }: KubernetesObject): string => `${GROUP}/${kind.toLowerCase().replace(/y$/, "ie")}s`;
  return {
    async add() {
      for (const policy of policies) accepted(await request("POST", folderOf(policy), policy));
      await untilTrial("is refused by the policy", ({ status }) => status === FORBIDDEN);
      for (const one of shipped.toReversed()) {
        const { name } = one.metadata;
        accepted(await request("POST", CONFIGURATIONS, { metadata: { name }, webhooks: entriesOf(one, port) }));
      }
      await untilTrial("is patched", ({ text }) => text.includes('"curfew.sh/injected"'));
    },
    async remove() {
      for (const { metadata } of shipped.toReversed())
        accepted(await request("DELETE", `${CONFIGURATIONS}/${metadata.name}`));
      await untilTrial("is refused by the policy", ({ status }) => status === FORBIDDEN);
      for (const policy of policies.toReversed())
        accepted(await request("DELETE", `${folderOf(policy)}/${policy.metadata.name}`));
      await untilTrial("is left alone", ({ status }) => status === 201);
    },
    async pointTo(where) {
      for (const one of shipped.toReversed()) {
        const webhooks = entriesOf(one, where === "nowhere" ? CLOSED_PORT : port);
        const path = `${CONFIGURATIONS}/${one.metadata.name}`;
        accepted(await request("PATCH", path, { webhooks }, "application/merge-patch+json"));
      }
      await untilTrial(`goes to ${where}`, ({ status }) => status === (where === "nowhere" ? 500 : 201));
    },
  };
}

/** Waits until the API server does this with a labelled Job that it doesn't store. */
async function untilTrial(
  what: string,
  look: (answer: { readonly status: number; readonly text: string }) => boolean,
): Promise<void> {
  const trial = job("trial", [script("main", "true"), politeSidecar()], { annotations: { "curfew.sh/main": "main" } });
  await until(`a labelled Job ${what}`, async () => {
    const { status, body } = await create("default", trial, "?dryRun=All");
    return look({ status, text: JSON.stringify(body) });
  });
}
