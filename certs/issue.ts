/** What the authority's and the serving certificate have in common: RSA-2048, since node-forge signs with nothing else, and SHA-256. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import forge from "node-forge";
import type { KeyPair } from "./x509.ts";

/** Node's generator takes a tenth of a second, node-forge's own several. */
export interface Keys {
  readonly publicKey: string;
  readonly privateKey: string;
}

export interface Validity {
  readonly now: Date;
  readonly lifetimeMs: number;
}

export interface CertificateRequest extends Validity {
  readonly keys: Keys;
  readonly commonName: string;
  readonly extensions: readonly object[];
  /** Who signs; absent: itself. */
  readonly issuer?: KeyPair;
}

export function generateKeys(): Keys {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

/**
 * Builds and signs a certificate (RFC 5280), and returns it with its private key. It does not outlive its issuer: its life is shorter
 * then. It is valid from a whole life ago, so that a clock that is ahead by less than that makes certificates that are good all the same.
 */
export function issue(request: CertificateRequest): KeyPair {
  const { now, lifetimeMs, keys, commonName, extensions, issuer } = request;
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  // The first octet makes it positive, and a DER integer whatever follows: one that begins with two zero octets is refused.
  certificate.serialNumber = `40${randomBytes(15).toString("hex")}`;

  const signer = issuer && forge.pki.certificateFromPem(issuer.cert);
  const lifeMs = signer ? Math.min(lifetimeMs, signer.validity.notAfter.getTime() - now.getTime()) : lifetimeMs;
  certificate.validity.notBefore = new Date(now.getTime() - lifeMs);
  certificate.validity.notAfter = new Date(now.getTime() + lifeMs);

  const subject = [
    { name: "organizationName", value: "curfew" },
    { name: "commonName", value: commonName },
  ];
  certificate.setSubject(subject);
  certificate.setIssuer(signer?.subject.attributes ?? subject);
  const signerKeyIdentifier = (signer ?? certificate).generateSubjectKeyIdentifier().getBytes();
  certificate.setExtensions([
    ...extensions,
    { name: "subjectKeyIdentifier" },
    { name: "authorityKeyIdentifier", keyIdentifier: signerKeyIdentifier },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(issuer?.key ?? keys.privateKey), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(certificate).replaceAll("\r", ""), key: keys.privateKey };
}
