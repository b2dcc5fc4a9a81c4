/** What the Secret holds: its texts as they are stored, and the certificates parsed from them. */
import type { X509Certificate } from "node:crypto";
import { isSignedBy, parseBundle, withKey, type Bundle, type CertificateAndKey } from "./x509.ts";

/**
 * The Secret's values, PEM; empty if a key is missing. They may hold anything, since people edit
 * Secrets.
 */
export interface SecretTexts {
  /** ca.crt: the authority that signs, then those that are still trusted. */
  readonly bundle: string;
  /** ca.key: the private key of the first certificate in `bundle`. */
  readonly authorityKey: string;
  /** tls.crt: the serving certificate. */
  readonly cert: string;
  /** tls.key: its private key. */
  readonly key: string;
}

/**
 * The certificates in the Secret. What can't be parsed, or doesn't belong together, is left out.
 */
export interface ParsedSecret {
  /** Every certificate in ca.crt. */
  readonly bundle: Bundle;
  /**
   * The authority that signs: the first in `bundle`, if it's an authority and ca.key is its key.
   */
  readonly authority: CertificateAndKey | undefined;
  /** The serving certificate, if tls.key is its key and an authority in `bundle` signed it. */
  readonly leaf: X509Certificate | undefined;
}

/** What a missing Secret amounts to. */
export const EMPTY_SECRET: ParsedSecret = { bundle: [], authority: undefined, leaf: undefined };

/** Parses the Secret's texts, whatever they hold; never throws. */
export function parseSecret({ bundle, authorityKey, cert, key }: SecretTexts): ParsedSecret {
  const trusted = parseBundle(bundle);
  const [first] = trusted;
  const [leaf] = parseBundle(cert);
  const isOurs =
    leaf !== undefined && withKey(leaf, key) !== undefined && trusted.some((authority) => isSignedBy(leaf, authority));
  return {
    bundle: trusted,
    authority: first?.ca === true ? withKey(first, authorityKey) : undefined,
    leaf: isOurs ? leaf : undefined,
  };
}
