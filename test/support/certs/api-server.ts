/**
 * A fake API server with just what `curfew certs` needs: one Secret, two
 * MutatingWebhookConfigurations, EndpointSlices and watches.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";

interface Stored {
  metadata: { name: string; resourceVersion: string };
  data?: Record<string, string>;
  webhooks?: { name: string; clientConfig: { service?: object; caBundle?: string } }[];
}

export interface CertificateApiServer {
  readonly kubeConfig: KubeConfig;
  /** The Secret; undefined if it doesn't exist. */
  secret: Stored | undefined;
  webhooks: Stored | undefined;
  /** The configuration of webhooks that come last. */
  lateWebhooks: Stored | undefined;
  /** The EndpointSlices of the Service. */
  slices: object[];
  /** Called before every request except watches. If it returns an error, that is the answer. */
  fault: (method: string, path: string) => { readonly code: number; readonly message: string } | undefined;
  /** If true, watches are accepted and stay silent. */
  stalled: boolean;
  /** If true, watches are accepted and end at once, without an error. */
  endsWatches: boolean;
  /** Requests by "METHOD path", watches as "WATCH path". */
  readonly requests: string[];
  /** Changes the webhooks, as anybody could, and tells the watches. */
  changeWebhooks: (change: (webhooks: NonNullable<Stored["webhooks"]>) => void) => void;
  close(): Promise<void>;
}

const SECRETS = "/api/v1/namespaces/curfew-system/secrets";
const SECRET = `${SECRETS}/curfew-certificates`;
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const CONFIGURATION = `${WEBHOOKS}/curfew`;
const LATE_CONFIGURATION = `${WEBHOOKS}/zz-curfew`;
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/curfew-system/endpointslices";

export async function startCertificateApiServer(): Promise<CertificateApiServer> {
  let version = 1;
  const watches = new Map<string, Set<ServerResponse>>([
    [SECRETS, new Set()],
    [WEBHOOKS, new Set()],
  ]);
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      answer(response, 500, { message: String(error) });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(
    { name: "fake", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "fake", token: "token" },
  );

  const service = { name: "curfew-admission", namespace: "curfew-system", path: "/mutate", port: 443 };
  const entries = ["jobs", "updates", "cronjobs"].map((name) => ({
    name: `${name}.curfew.sh`,
    clientConfig: { service },
  }));
  const api: CertificateApiServer = {
    kubeConfig,
    secret: undefined,
    webhooks: { metadata: { name: "curfew", resourceVersion: "1" }, webhooks: structuredClone(entries) },
    lateWebhooks: {
      metadata: { name: "zz-curfew", resourceVersion: "1" },
      webhooks: [{ name: "late.curfew.sh", clientConfig: { service } }],
    },
    slices: [],
    fault: () => undefined,
    stalled: false,
    endsWatches: false,
    requests: [],
    changeWebhooks(change) {
      for (const configuration of [api.webhooks, api.lateWebhooks]) {
        change(configuration?.webhooks ?? []);
        changed(WEBHOOKS, configuration);
      }
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return api;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const { pathname: path } = url;
    const method = request.method ?? "";
    if (url.searchParams.get("watch") === "true") {
      api.requests.push(`WATCH ${path}`);
      watch(path, response);
      return;
    }
    api.requests.push(`${method} ${path}`);
    const body = await readJson(request);
    const fault = api.fault(method, path);
    if (fault) answer(response, fault.code, { kind: "Status", message: fault.message, code: fault.code });
    else if (path === SLICES) answer(response, 200, { items: api.slices });
    else if (method === "GET") read(objectAt(path), response);
    else if (method === "POST") create(body as Stored, response);
    else merge(path === SECRET ? SECRETS : WEBHOOKS, objectAt(path), body as Stored, response);
  }

  function objectAt(path: string): Stored | undefined {
    const objects: Readonly<Record<string, Stored | undefined>> = {
      [SECRET]: api.secret,
      [CONFIGURATION]: api.webhooks,
      [LATE_CONFIGURATION]: api.lateWebhooks,
    };
    return objects[path];
  }

  function read(object: Stored | undefined, response: ServerResponse): void {
    answer(response, object ? 200 : 404, object ?? { message: "not found", code: 404 });
  }

  function create(body: Stored, response: ServerResponse): void {
    if (api.secret) {
      answer(response, 409, { message: "already exists", code: 409 });
      return;
    }
    api.secret = body;
    changed(SECRETS, body);
    answer(response, 201, body);
  }

  /** A merge patch for the Secret; a strategic one for the webhooks, which are merged by name. */
  function merge(list: string, object: Stored | undefined, patch: Stored, response: ServerResponse): void {
    if (patch.metadata.resourceVersion !== object?.metadata.resourceVersion) {
      answer(response, 409, { message: "the object has been modified", code: 409 });
      return;
    }
    if (patch.data) object.data = { ...object.data, ...patch.data };
    for (const { name, clientConfig } of patch.webhooks ?? []) {
      Object.assign(object.webhooks?.find((entry) => entry.name === name)?.clientConfig ?? {}, clientConfig);
    }
    changed(list, object);
    answer(response, 200, object);
  }

  function changed(list: string, object: Stored | undefined): void {
    if (!object) return;
    version += 1;
    object.metadata.resourceVersion = String(version);
    if (api.stalled) return;
    for (const watcher of watches.get(list) ?? []) watcher.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
  }

  function watch(list: string, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if (api.endsWatches) {
      response.end();
      return;
    }
    watches.get(list)?.add(response);
    response.on("close", () => watches.get(list)?.delete(response));
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}

function answer(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(value));
}
