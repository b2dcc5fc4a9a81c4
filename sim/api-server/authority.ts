/**
 * Short-lived certificates for tests, benches and the demo: a CA, and serving certificates that it
 * signs.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import forge from "node-forge";

export interface ServingPair {
  /** PEM, as in the Secret's tls.crt and tls.key. */
  readonly cert: string;
  readonly key: string;
}

export interface TestAuthority {
  /** PEM, as in a webhook's caBundle. */
  readonly ca: string;
  /**
   * Makes a key and a certificate for localhost and 127.0.0.1, valid since an hour ago and for
   * `days` from now.
   */
  readonly issue: (options?: { readonly days?: number }) => ServingPair;
}

/** Makes a CA with a new key, valid for a day. */
export function createTestAuthority(): TestAuthority {
  const caKeys = generateKeys();
  const subject = [{ name: "commonName", value: "curfew test CA" }];
  const ca = createCertificate(caKeys.publicKey, subject, subject, 1);
  ca.setExtensions([{ name: "basicConstraints", cA: true, critical: true }]);
  ca.sign(caKeys.privateKey, forge.md.sha256.create());
  return {
    ca: forge.pki.certificateToPem(ca),
    issue({ days = 1 } = {}) {
      const keys = generateKeys();
      const leaf = createCertificate(keys.publicKey, [{ name: "commonName", value: "localhost" }], subject, days);
      leaf.setExtensions([
        { name: "basicConstraints", cA: false },
        {
          name: "subjectAltName",
          altNames: [
            { type: 2, value: "localhost" },
            { type: 7, ip: "127.0.0.1" },
          ],
        },
      ]);
      leaf.sign(caKeys.privateKey, forge.md.sha256.create());
      return { cert: forge.pki.certificateToPem(leaf), key: forge.pki.privateKeyToPem(keys.privateKey) };
    },
  };
}

function createCertificate(
  publicKey: forge.pki.rsa.PublicKey,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
  days: number,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  // Positive, and without a leading zero byte, which DER forbids.
  certificate.serialNumber = `01${randomBytes(15).toString("hex")}`;
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
  certificate.validity.notAfter = new Date(Date.now() + days * 86_400_000);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  return certificate;
}

/** Uses Node's generator, as forge's own takes seconds. */
function generateKeys(): {
  readonly publicKey: forge.pki.rsa.PublicKey;
  readonly privateKey: forge.pki.rsa.PrivateKey;
} {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  return { publicKey: forge.pki.publicKeyFromPem(publicKey), privateKey: forge.pki.privateKeyFromPem(privateKey) };
}
