import { generateKeys, issue, type Keys, type Validity } from "./issue.ts";
import type { KeyPair } from "./x509.ts";

/** A new key and a serving certificate for `names` (DNS names of Services, as the API server asks for them). */
export function issueServing(
  authority: KeyPair,
  names: readonly string[],
  validity: Validity,
  keys: Keys = generateKeys(),
): KeyPair {
  const DNS_NAME = 2;
  return issue({
    ...validity,
    keys,
    issuer: authority,
    commonName: "curfew webhook",
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: names.map((value) => ({ type: DNS_NAME, value })) },
    ],
  });
}
