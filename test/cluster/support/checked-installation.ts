/**
 * An installation for `curfew check` to look at, beside the tests' own Curfew: real Deployments, whose
 * Pods get their status from here, and a server that the API server's proxy reaches as their operations
 * port.
 */
import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { issueAuthority } from "../../../certs/authority.ts";
import { formatKey, generateKeys } from "../../../certs/issue.ts";
import { issueServing } from "../../../certs/serving.ts";
import type { CertificateAndKey } from "../../../certs/x509.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { accepted, request } from "./api.ts";
import { until } from "./until.ts";

export const DAY_MS = 86_400_000;
const MERGE = "application/merge-patch+json";
const keys = generateKeys();
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/**
 * What `curfew certs` had in its Secret `daysAgo`, for the admission server of `namespace`.
 * @param authority the one that signs: a new one by default
 */
export function issued(namespace: string, daysAgo = 0, authority?: CertificateAndKey) {
  const now = new Date(Date.now() - daysAgo * DAY_MS);
  const signer = authority ?? issueAuthority({ now, lifetimeMs: 365 * DAY_MS }, keys);
  const host = `curfew-admission.${namespace}.svc`;
  const { certificate, key } = issueServing(signer, [host], { now, lifetimeMs: 30 * DAY_MS }, keys);
  const data = {
    "ca.crt": base64(signer.certificate.toString()),
    "ca.key": base64(formatKey(signer.key)),
    "tls.crt": base64(certificate.toString()),
    "tls.key": base64(formatKey(key)),
  };
  return { data, authority: signer, until: new X509Certificate(certificate.toString()).validToDate };
}

/** Creates it, or throws what the API server says. */
export async function put(at: string, object: object): Promise<void> {
  accepted(await request("POST", at, object));
}

/** A merge patch. */
export async function change(path: string, patch: object): Promise<void> {
  accepted(await request("PATCH", path, patch, MERGE));
}

/** Serves `metrics`, not on a loopback address, because the API server's proxy refuses those. */
export class OpsPort {
  metrics = "";
  readonly address: string;
  #port = 0;
  #server: Server | undefined;

  constructor() {
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    this.address = own.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "";
  }

  get port(): number {
    return this.#port;
  }

  /** On the same port as before. */
  async open(): Promise<void> {
    const server = createServer((_, response) => response.end(this.metrics));
    await new Promise<void>((resolve) => server.listen(this.#port, this.address, resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

const labelsOf = (component: string) => ({
  "app.kubernetes.io/name": "curfew",
  "app.kubernetes.io/component": component,
});

/** Creates the Deployment `curfew-COMPONENT`. */
export async function deploy(
  namespace: string,
  component: string,
  {
    replicas,
    version = packageJson.version,
    ops,
  }: { readonly replicas: number; readonly version?: string; readonly ops?: OpsPort },
): Promise<void> {
  const labels = labelsOf(component);
  const image = `registry.example/curfew:${version}`;
  const ports = ops === undefined ? [] : [{ name: "ops", containerPort: ops.port }];
  const volumes = [{ name: "certificate", secret: { secretName: "own-secret" } }];
  await put(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name: `curfew-${component}`, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: component, image, ports }], volumes } },
    },
  });
}

/** Marks a Deployment's Pods as ready, as kubelet would, and waits until the Deployment shows it. */
export async function makeReady(
  namespace: string,
  component: string,
  count: number,
  podIP = "10.0.0.1",
): Promise<void> {
  const labels = Object.entries(labelsOf(component)).map((label) => label.join("="));
  const selector = encodeURIComponent(labels.join(","));
  const pods = await until(`${component} has Pods`, async () => {
    const at = `/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`;
    const { items } = accepted(await request<{ items: { metadata: { name: string } }[] }>("GET", at));
    return items.length >= count && items;
  });
  const now = new Date().toISOString().replace(/\.\d+/, "");
  const conditions = [{ type: "Ready", status: "True" }];
  const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }], startTime: now, conditions };
  for (const { metadata } of pods.slice(0, count))
    await change(`/api/v1/namespaces/${namespace}/pods/${metadata.name}/status`, { status });
  await until(`${component} is ready`, async () => (await readyReplicas(namespace, component)) === count);
}

async function readyReplicas(namespace: string, component: string): Promise<number | undefined> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/curfew-${component}`;
  return accepted(await request<{ status: { readyReplicas?: number } }>("GET", path)).status.readyReplicas;
}
