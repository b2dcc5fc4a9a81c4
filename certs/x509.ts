/** Reads X.509 certificates, whoever made or mangled them. Nothing here throws. */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A certificate and its private key. */
export interface CertificateAndKey {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** Certificates in a given order, each once. */
export type Bundle = readonly X509Certificate[];

/** The certificates of a PEM bundle in their order, each once. Anything else in it is left out. */
export function parseBundle(pem: string): Bundle {
  const byFingerprint = new Map<string, X509Certificate>();
  for (const [block] of pem.matchAll(BLOCK)) {
    const certificate = parseCertificate(block);
    if (certificate !== undefined) byFingerprint.set(certificate.fingerprint256, certificate);
  }
  return [...byFingerprint.values()];
}

/** The bundle as PEM. */
export function formatBundle(bundle: Bundle): string {
  return bundle.map((certificate) => certificate.toString()).join("");
}

/** The certificates of both bundles, the first one's before the second one's. */
export function union(first: Bundle, second: Bundle): Bundle {
  return [...first, ...second.filter((certificate) => !includes(first, certificate))];
}

/** Whether `wanted` is in the bundle. */
export function includes(bundle: Bundle, wanted: X509Certificate): boolean {
  return bundle.some(({ fingerprint256 }) => fingerprint256 === wanted.fingerprint256);
}

/** Whether both bundles hold the same certificates, in any order. */
export function sameSet(first: Bundle, second: Bundle): boolean {
  return first.length === second.length && first.every((certificate) => includes(second, certificate));
}

/** The certificate with its private key, or undefined if `pem` isn't its key. */
export function withKey(certificate: X509Certificate, pem: string): CertificateAndKey | undefined {
  try {
    const key = createPrivateKey(pem);
    return certificate.checkPrivateKey(key) ? { certificate, key } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `authority` signed `certificate`. Either may have expired. */
export function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Whether the certificate is valid for every one of these DNS names. */
export function covers(certificate: X509Certificate, names: readonly string[]): boolean {
  return names.every((name) => certificate.checkHost(name, { subject: "never" }) !== undefined);
}

/** The DNS names in the certificate's subject alternative name. */
export function dnsNames(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .flatMap((name) => (name.startsWith("DNS:") ? [name.slice("DNS:".length)] : []));
}

/**
 * How much of its lifetime a certificate is used for, in the same unit: two thirds. The rest is a
 * reserve.
 */
export function usedFor(lifetime: number): number {
  return (lifetime * 2) / 3;
}

/**
 * When the certificate is due for renewal. Its validity is twice its lifetime, because issue.ts
 * backdates certificates by a lifetime.
 */
export function renewalTime(certificate: X509Certificate): Date {
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  const lifetime = (to - from) / 2;
  return new Date(to - lifetime + usedFor(lifetime));
}

/**
 * Whether the certificate is due for renewal, or isn't valid yet. The latter means that a clock has
 * jumped, then or now; a new certificate is right either way.
 */
export function needsRenewal(certificate: X509Certificate, now: Date): boolean {
  return now >= renewalTime(certificate) || now < certificate.validFromDate;
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
