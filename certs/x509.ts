/** Certificates as they are found, whoever made or mangled them: PEM in, node:crypto's certificates out, nothing thrown. */
import { createPrivateKey, X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Every certificate of a PEM bundle, each once, in its order. What is no certificate is left out. */
export function parseBundle(pem: string): readonly X509Certificate[] {
  const byFingerprint = new Map<string, X509Certificate>();
  for (const [block] of pem.matchAll(BLOCK)) {
    const certificate = parseCertificate(block);
    if (certificate !== undefined) byFingerprint.set(certificate.fingerprint256, certificate);
  }
  return [...byFingerprint.values()];
}

export function formatBundle(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join("");
}

/** Those of both lists, each once, the first list's before the second's. */
export function union(
  first: readonly X509Certificate[],
  second: readonly X509Certificate[],
): readonly X509Certificate[] {
  return [...first, ...second.filter((certificate) => !includes(first, certificate))];
}

export function includes(certificates: readonly X509Certificate[], wanted: X509Certificate): boolean {
  return certificates.some(({ fingerprint256 }) => fingerprint256 === wanted.fingerprint256);
}

export function sameSet(first: readonly X509Certificate[], second: readonly X509Certificate[]): boolean {
  return first.length === second.length && first.every((certificate) => includes(second, certificate));
}

/** Whether `key` is the private key of `certificate`. */
export function isKeyOf(key: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Whether `authority` signed `certificate`; not whether either is valid now. */
export function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Whether a client that asks for `names` takes the certificate as theirs. */
export function covers(certificate: X509Certificate, names: readonly string[]): boolean {
  return names.every((name) => certificate.checkHost(name, { subject: "never" }) !== undefined);
}

/** The DNS names among its subject alternative names. */
export function dnsNames(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .flatMap((name) => (name.startsWith("DNS:") ? [name.slice("DNS:".length)] : []));
}

/** How long a certificate is used that lives `life`, in the same unit: two thirds, with a third left for whatever goes wrong. */
export function usedFor(life: number): number {
  return (life * 2) / 3;
}

/** When it is due for renewal. Its validity is twice its life, since it began a life before the certificate was issued (issue.ts). */
export function renewalTime(certificate: X509Certificate): Date {
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  const life = (to - from) / 2;
  return new Date(to - life + usedFor(life));
}

/** Due, or not valid yet: a clock has jumped, then or now, and a certificate of today is good in either case. */
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
