/** Watches certificates from outside: the Secret, the caBundles, and what the webhook presents. */
import { connect } from "node:tls";
import { parseBundle } from "../../../certs/x509.ts";
import { accepted, request } from "./api.ts";

/** How long an API server waits for a webhook's answer (manifests/base/webhooks.yaml). */
const HANDSHAKE_TIMEOUT_MS = 5_000;

/** What to watch. */
export interface Where {
  /** Where Curfew runs. */
  readonly namespace: string;
  /** The name of the Secret that Pods mount. */
  readonly secret?: string;
  /** The name of the first MutatingWebhookConfiguration. The other's is `zz-` and this. */
  readonly configuration: string;
  /**
   * The address of the webhook's Service. Undefined: it can't be reached from here, so no
   * handshakes.
   */
  readonly address: string | undefined;
}

/** What has been seen so far. Certificates and authorities are SHA-256 fingerprints. */
export interface CertificatesSeen {
  /** Serving certificates that the Secret has held. */
  readonly issued: ReadonlySet<string>;
  /** Serving certificates that a Pod has presented. */
  readonly presented: ReadonlySet<string>;
  /** Authorities that a caBundle has held. */
  readonly trusted: ReadonlySet<string>;
  /** Authorities in `trusted` that no caBundle holds any more. */
  readonly retired: ReadonlySet<string>;
  /** Whether, at the last look, every handshake showed the certificate that was in the Secret. */
  readonly isServed: boolean;
  readonly handshakes: number;
  /** Why handshakes failed. */
  readonly failures: readonly string[];
  /** The longest time for which a Pod still presented an older certificate than the Secret's. */
  readonly slowestPodMs: number;
}

export interface CertificateWatch {
  /** Looks once. Like a new API server, it makes a handshake with each different caBundle. */
  readonly look: () => Promise<void>;
  /** What all looks together have seen. */
  readonly seen: () => CertificatesSeen;
}

/** Starts with nothing seen; each look adds to it. */
export function watchCertificates({ namespace, secret, configuration, address }: Where): CertificateWatch {
  const issued = new Map<string, number>();
  const presented = new Set<string>();
  const trusted = new Set<string>();
  let current = new Set<string>();
  let isServed = false;
  let handshakes = 0;
  let slowestPodMs = 0;
  const failures: string[] = [];

  const look = async (): Promise<void> => {
    const [latest] = parseBundle((await readSecret(namespace, secret))?.["tls.crt"] ?? "");
    if (latest && !issued.has(latest.fingerprint256)) issued.set(latest.fingerprint256, performance.now());
    const bundles = [...new Set(await readCaBundles(configuration))];
    current = new Set(bundles.flatMap((bundle) => parseBundle(bundle).map(({ fingerprint256 }) => fingerprint256)));
    for (const authority of current) trusted.add(authority);
    if (address === undefined) return;
    isServed = latest !== undefined && bundles.length > 0;
    for (const bundle of bundles) {
      const { fingerprint, failure } = await handshake(address, namespace, bundle);
      handshakes += 1;
      if (fingerprint !== latest?.fingerprint256) isServed = false;
      if (failure !== undefined) {
        failures.push(failure);
        continue;
      }
      presented.add(fingerprint);
      if (latest && fingerprint !== latest.fingerprint256 && issued.has(fingerprint))
        slowestPodMs = Math.max(slowestPodMs, performance.now() - (issued.get(latest.fingerprint256) ?? 0));
    }
  };
  const seen = (): CertificatesSeen => {
    const retired = new Set([...trusted].filter((authority) => !current.has(authority)));
    return {
      issued: new Set(issued.keys()),
      presented,
      trusted,
      retired,
      isServed,
      handshakes,
      failures,
      slowestPodMs,
    };
  };
  return { look, seen };
}

interface Secret {
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}
interface Configuration {
  readonly metadata: { readonly name: string };
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

const SECRET = "curfew-certificates";
/** The API path of the Secret. */
export const secretPath = (namespace: string, name = SECRET): string =>
  `/api/v1/namespaces/${namespace}/secrets/${name}`;
/** The API paths of both MutatingWebhookConfigurations. */
export const configurationPaths = (name: string): readonly string[] =>
  [name, `zz-${name}`].map((each) => `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${each}`);

/** The Secret's values, PEM. Undefined if there is no Secret. */
export async function readSecret(
  namespace: string,
  name = SECRET,
): Promise<Readonly<Record<string, string>> | undefined> {
  const answer = await request<Secret>("GET", secretPath(namespace, name));
  if (answer.status === 404) return undefined;
  const entries = Object.entries(accepted(answer).data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, decode(value)]));
}

/** The caBundle of each webhook, PEM. Empty if it has none. */
export async function readCaBundles(configuration: string): Promise<string[]> {
  const answers = await Promise.all(
    configurationPaths(configuration).map((path) => request<Configuration>("GET", path)),
  );
  return answers
    .flatMap((answer) => accepted(answer).webhooks)
    .map(({ clientConfig }) => decode(clientConfig.caBundle ?? ""));
}

const decode = (base64: string): string => Buffer.from(base64, "base64").toString();

type Handshake =
  | { readonly fingerprint: string; readonly failure?: never }
  | { readonly fingerprint?: never; readonly failure: string };

/**
 * A handshake like the API server's. The API server itself keeps its connections open, which would
 * hide a certificate that nobody trusts.
 */
async function handshake(address: string, namespace: string, ca: string): Promise<Handshake> {
  return new Promise((resolve) => {
    const servername = `curfew-admission.${namespace}.svc`;
    const socket = connect({ host: address, port: 443, servername, ca, timeout: HANDSHAKE_TIMEOUT_MS });
    socket.once("timeout", () => socket.destroy(new Error("the handshake timed out")));
    socket.once("secureConnect", () => {
      resolve({ fingerprint: socket.getPeerCertificate().fingerprint256 });
      socket.destroy();
    });
    socket.once("error", ({ message }: Error) => {
      resolve({ failure: message });
    });
  });
}
