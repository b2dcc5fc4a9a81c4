/** manifests/base's webhook entry for new Jobs, but with another address and for other Jobs. */
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { accepted, request } from "../../test/cluster/support/api.ts";
import { kubectlOutput } from "../../test/cluster/support/kubectl.ts";

const BASE = path.join(import.meta.dirname, "../../manifests/base");
const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

interface Configuration {
  readonly kind: string;
  readonly webhooks: readonly object[];
}

/**
 * Makes the API server send new Jobs with `label` to a server on this machine; resolves to what
 * undoes that.
 */
export async function registerWebhook(
  name: string,
  label: string,
  { port, ca }: { readonly port: number; readonly ca: string },
): Promise<() => Promise<void>> {
  const documents = parseAllDocuments(await kubectlOutput(["kustomize", BASE]));
  const objects = documents.map((document) => document.toJS() as Configuration);
  const [entry] = objects.find(({ kind }) => kind === "MutatingWebhookConfiguration")?.webhooks ?? [];
  if (entry === undefined) throw new Error(`${BASE} has no webhook`);
  const webhook = {
    ...entry,
    name: `${name}.bench.curfew.sh`,
    objectSelector: { matchLabels: { [label]: "true" } },
    clientConfig: { url: `https://127.0.0.1:${port}/mutate`, caBundle: Buffer.from(ca).toString("base64") },
  };
  accepted(await request("POST", CONFIGURATIONS, { metadata: { name }, webhooks: [webhook] }));
  return async () => {
    await request("DELETE", `${CONFIGURATIONS}/${name}`);
  };
}
