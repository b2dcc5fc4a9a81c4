import { randomBytes } from "node:crypto";
import { generateKeys, issue, type Keys, type Validity } from "./issue.ts";
import type { KeyPair } from "./x509.ts";

/**
 * A new certificate authority that may sign serving certificates and nothing else. Each has a name of its own, so that no verifier
 * confuses the two of an overlap.
 */
export function issueAuthority(validity: Validity, keys: Keys = generateKeys()): KeyPair {
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
