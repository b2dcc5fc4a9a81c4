import { generateKeys, issue, type Keys, type Validity } from "./issue.ts";
import type { CertificateAndKey } from "./x509.ts";

const DNS_NAME = 2;

/**
 * Makes a serving certificate with a new key. `names` are DNS names of Services, as the API server
 * asks for them.
 */
export function issueServing(
  issuer: CertificateAndKey,
  names: readonly string[],
  validity: Validity,
  keys: Keys = generateKeys(),
): CertificateAndKey {
  return issue({
    ...validity,
    keys,
    issuer,
    commonName: "curfew webhook",
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: names.map((value) => ({ type: DNS_NAME, value })) },
    ],
  });
}
