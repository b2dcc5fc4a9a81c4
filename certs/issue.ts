/**
 * What authorities and serving certificates have in common. Keys are RSA-2048, the only kind that
 * node-forge signs with, and signatures use SHA-256.
 */
import { generateKeyPairSync, randomBytes, X509Certificate, type KeyObject } from "node:crypto";
import forge from "node-forge";
import type { CertificateAndKey } from "./x509.ts";

/** The keys of a certificate that is yet to be made. */
export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** When a certificate is made, and how long it lives from then on. */
export interface Validity {
  readonly now: Date;
  readonly lifetimeMs: number;
}

/** What {@link issue} makes a certificate from. */
export interface CertificateRequest extends Validity {
  readonly keys: Keys;
  readonly commonName: string;
  /** As node-forge takes them. */
  readonly extensions: readonly object[];
  /** Who signs. By default the certificate signs itself. */
  readonly issuer?: CertificateAndKey;
}

/** New RSA keys. Node makes them in a tenth of a second, node-forge in several. */
export function generateKeys(): Keys {
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

/** The private key as PEM, PKCS #8. */
export function formatKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * Builds and signs a certificate (RFC 5280). Its lifetime is cut short if it would outlive its
 * issuer. Its validity starts one lifetime ago, so that it's valid for verifiers whose clocks are
 * behind by up to that much.
 */
export function issue({
  now,
  lifetimeMs,
  keys,
  commonName,
  extensions,
  issuer,
}: CertificateRequest): CertificateAndKey {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(formatPublicKey(keys.publicKey));
  // 0x40 keeps the number positive and its DER minimal, whatever random octets follow.
  certificate.serialNumber = `40${randomBytes(15).toString("hex")}`;

  const signer = issuer && forge.pki.certificateFromPem(issuer.certificate.toString());
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
  const signingKey = forge.pki.privateKeyFromPem(formatKey(issuer?.key ?? keys.privateKey));
  certificate.sign(signingKey, forge.md.sha256.create());
  return { certificate: new X509Certificate(forge.pki.certificateToPem(certificate)), key: keys.privateKey };
}

function formatPublicKey(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
