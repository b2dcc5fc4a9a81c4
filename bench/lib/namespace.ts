import { accepted, request } from "../../test/cluster/support/api.ts";
import { until } from "../../test/cluster/support/until.ts";

/** Makes a namespace in which Pods can be created. */
export async function createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
  accepted(await request("POST", "/api/v1/namespaces", { metadata: { name, labels } }));
  // The token controller makes it. A Pod that's created before that is refused.
  await until("the default ServiceAccount is there", async () => {
    return (await request("GET", `/api/v1/namespaces/${name}/serviceaccounts/default`)).status === 200;
  });
}
