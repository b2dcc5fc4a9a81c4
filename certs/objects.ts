/** What a Secret and a webhook configuration say about certificates, as the API server has them. */
import type { Webhook } from "./cluster.ts";
import type { SecretTexts } from "./secret.ts";
import { parseBundle } from "./x509.ts";

/** The same keys as in a Secret of type kubernetes.io/tls or by cert-manager, plus `ca.key`. */
export const SECRET_KEYS = { bundle: "ca.crt", authorityKey: "ca.key", cert: "tls.crt", key: "tls.key" } as const;

/** The Secret's values as PEM. What it doesn't have is empty. */
export function secretTexts(data: Readonly<Record<string, string>> = {}): SecretTexts {
  const read = (key: keyof SecretTexts): string => text(data[SECRET_KEYS[key]] ?? "");
  return { bundle: read("bundle"), authorityKey: read("authorityKey"), cert: read("cert"), key: read("key") };
}

/** The parts of an entry of a webhook configuration that are about TLS. */
export interface Entry {
  readonly name: string;
  readonly clientConfig: {
    readonly service?: { readonly name: string; readonly namespace: string };
    /** PEM in base64. */
    readonly caBundle?: string;
  };
}

/**
 * The entries that call a Service in `namespace`. The certificate of a URL, or of another
 * namespace's Service, isn't ours.
 */
export function webhooksOf(
  entries: readonly Entry[] | undefined,
  configuration: string,
  namespace: string,
): readonly Webhook[] {
  return (entries ?? []).flatMap(({ name, clientConfig: { service, caBundle = "" } }) =>
    service?.namespace === namespace
      ? [{ name, configuration, host: hostOf(service.name, namespace), caBundle: parseBundle(text(caBundle)) }]
      : [],
  );
}

/** The name that the API server expects in the certificate when it calls a Service. */
function hostOf(service: string, namespace: string): string {
  return `${service}.${namespace}.svc`;
}

export function base64(plain: string): string {
  return Buffer.from(plain).toString("base64");
}

function text(encoded: string): string {
  return Buffer.from(encoded, "base64").toString();
}
