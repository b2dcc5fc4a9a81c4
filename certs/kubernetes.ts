/**
 * The {@link Cluster} behind an API server: one Secret and a few MutatingWebhookConfigurations, all
 * read by name.
 */
import {
  AdmissionregistrationV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  PatchStrategy,
  setHeaderOptions,
  V1Secret,
  type KubeConfig,
  type V1EndpointSlice,
} from "@kubernetes/client-node";
import { ask, unlessConflict, unlessMissing } from "./ask.ts";
import type { Cluster, Configuration, Observed, Webhook, WriteOutcome } from "./cluster.ts";
import { askServers, presentedBy, type Endpoint, type Server } from "./presented.ts";
import { base64, SECRET_KEYS, secretTexts, webhooksOf } from "./objects.ts";
import { parseSecret, type SecretTexts } from "./secret.ts";
import { formatBundle, type Bundle } from "./x509.ts";

/** Which objects in the cluster are ours. */
export interface Names {
  readonly namespace: string;
  readonly secret: string;
  /** Called as its flag is, which has taken more than one only since. */
  readonly webhookConfiguration: readonly string[];
}

/**
 * Marks the fields as ours in `managedFields`, so that Argo CD, Flux and server-side apply leave
 * them alone.
 */
const FIELD_MANAGER = "curfew-certs";

const LABELS = { "app.kubernetes.io/part-of": "curfew", "app.kubernetes.io/component": "certs" };

/** Reads and writes through client-node. Errors read `cannot WHAT: WHY`. */
export class KubernetesCluster implements Cluster {
  readonly #names: Names;
  readonly #core: CoreV1Api;
  readonly #admission: AdmissionregistrationV1Api;
  readonly #discovery: DiscoveryV1Api;

  constructor(config: KubeConfig, names: Names) {
    this.#names = names;
    this.#core = config.makeApiClient(CoreV1Api);
    this.#admission = config.makeApiClient(AdmissionregistrationV1Api);
    this.#discovery = config.makeApiClient(DiscoveryV1Api);
  }

  async observe(): Promise<Observed> {
    const { namespace, secret: name, webhookConfiguration } = this.#names;
    const [secret, ...configurations] = await Promise.all([
      unlessMissing(ask("read the Secret", this.#core.readNamespacedSecret({ namespace, name }))),
      ...webhookConfiguration.map((name) => this.#configuration(name)),
    ]);
    const existing = configurations.filter((one) => one !== undefined);
    return {
      secret: secret && { ...parseSecret(secretTexts(secret.data)), version: secret.metadata?.resourceVersion ?? "" },
      webhooks: existing.flatMap(({ webhooks }) => webhooks),
      configurations: existing.map(({ name, version }) => ({ name, version })),
    };
  }

  async writeSecret(change: Partial<SecretTexts>, version: string | undefined): Promise<WriteOutcome> {
    const { namespace, secret: name } = this.#names;
    const data = encode(change);
    if (version === undefined) {
      const body = Object.assign(new V1Secret(), { metadata: { name, labels: LABELS }, type: "Opaque", data });
      const create = this.#core.createNamespacedSecret({ namespace, body, fieldManager: FIELD_MANAGER });
      return unlessConflict(ask("create the Secret", create));
    }
    const body = { metadata: { resourceVersion: version }, data };
    const patch = this.#core.patchNamespacedSecret(
      { namespace, name, body, fieldManager: FIELD_MANAGER },
      setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
    );
    return unlessConflict(ask("write the Secret", patch));
  }

  async publish(caBundles: ReadonlyMap<string, Bundle>, observed: Observed): Promise<WriteOutcome> {
    for (const configuration of observed.configurations) {
      const own = observed.webhooks.filter((webhook) => webhook.configuration === configuration.name);
      const webhooks = own.flatMap(({ name }) => {
        const bundle = caBundles.get(name);
        return bundle === undefined ? [] : [{ name, clientConfig: { caBundle: base64(formatBundle(bundle)) } }];
      });
      if (webhooks.length === 0) continue;
      if ((await this.#writeWebhooks(configuration, webhooks)) === "conflict") return "conflict";
    }
    return "written";
  }

  async #writeWebhooks({ name, version }: Configuration, webhooks: readonly object[]): Promise<WriteOutcome> {
    // A strategic merge finds entries by name. It leaves other entries, and other fields of these,
    // alone.
    const patch = this.#admission.patchMutatingWebhookConfiguration(
      {
        name,
        body: { metadata: { resourceVersion: version }, webhooks },
        fieldManager: FIELD_MANAGER,
      },
      setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
    );
    return unlessConflict(ask("write caBundle into the MutatingWebhookConfiguration", patch));
  }

  async #configuration(name: string): Promise<(Configuration & { readonly webhooks: readonly Webhook[] }) | undefined> {
    const read = this.#admission.readMutatingWebhookConfiguration({ name });
    const configuration = await unlessMissing(ask("read the MutatingWebhookConfiguration", read));
    if (configuration === undefined) return undefined;
    const webhooks = webhooksOf(configuration.webhooks, name, this.#names.namespace);
    return { name, version: configuration.metadata?.resourceVersion ?? "", webhooks };
  }

  async presented(webhooks: readonly Webhook[]): Promise<readonly string[] | undefined> {
    return presentedBy(await this.servers(webhooks));
  }

  /** The Pods behind `webhooks`, and which certificates they present. */
  async servers(webhooks: readonly Webhook[]): Promise<readonly Server[]> {
    const hosts = [...new Set(webhooks.map(({ host }) => host))];
    const endpoints = await Promise.all(hosts.map((host) => this.#endpoints(host)));
    return askServers(endpoints.flat());
  }

  async #endpoints(host: string): Promise<readonly Endpoint[]> {
    const { namespace } = this.#names;
    const labelSelector = `kubernetes.io/service-name=${host.split(".")[0] ?? ""}`;
    const list = this.#discovery.listNamespacedEndpointSlice({ namespace, labelSelector });
    const { items } = await ask("list EndpointSlices", list);
    return items.flatMap((slice) => endpointsOf(slice, host));
  }
}

function endpointsOf({ endpoints, ports }: V1EndpointSlice, host: string): Endpoint[] {
  return (ports ?? []).flatMap(({ port }) =>
    (endpoints ?? []).flatMap(({ addresses: [address], conditions, targetRef }) => {
      if (port === undefined || address === undefined) return [];
      const isServing = conditions?.serving ?? conditions?.ready ?? true;
      return [{ name: targetRef?.name ?? address, address, port, host, isServing }];
    }),
  );
}

function encode(change: Partial<SecretTexts>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(change).map(([key, value]) => [SECRET_KEYS[key as keyof SecretTexts], base64(value)]),
  );
}
