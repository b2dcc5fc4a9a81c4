import { randomBytes } from "node:crypto";
import { generateKeys, issue, type Keys, type Validity } from "./issue.ts";
import type { CertificateAndKey } from "./x509.ts";

/**
 * Makes a certificate authority that may sign serving certificates and nothing else. Each has its
 * own name, so that a TLS client can tell two of them apart while it trusts both.
 */
export function issueAuthority(validity: Validity, keys: Keys = generateKeys()): CertificateAndKey {
  return issue({
    ...validity,
    keys,
    commonName: `curfew webhook CA ${randomBytes(4).toString("hex")}`,
    extensions: [
      { name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
}
