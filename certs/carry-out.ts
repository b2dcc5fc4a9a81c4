import { issueAuthority } from "./authority.ts";
import { formatKey, type Keys } from "./issue.ts";
import type { Step } from "./plan.ts";
import type { SecretTexts } from "./secret.ts";
import { issueServing } from "./serving.ts";
import { formatBundle } from "./x509.ts";

/** How long new certificates live. */
export interface Lifetimes {
  readonly authorityMs: number;
  readonly certificateMs: number;
}

/** What it takes to issue a certificate, besides the step. */
export interface Issuing {
  readonly now: Date;
  readonly lifetimes: Lifetimes;
  /** Tests pass keys that are made already. */
  readonly keys?: Keys;
}

/** A step that changes the Secret. */
export type SecretStep = Exclude<Step, { kind: "publish" }>;

/**
 * What a step changes in the Secret. A new authority's key replaces the old one's, which is never
 * needed again. tls.crt is absent until the first certificate is issued, so kubelet waits for it
 * instead of mounting an empty file.
 */
export function carryOut(step: SecretStep, { now, lifetimes, keys }: Issuing): Partial<SecretTexts> {
  switch (step.kind) {
    case "create-authority": {
      const { certificate, key } = issueAuthority({ now, lifetimeMs: lifetimes.authorityMs }, keys);
      return { bundle: formatBundle([certificate, ...step.trust]), authorityKey: formatKey(key) };
    }
    case "issue-certificate": {
      const validity = { now, lifetimeMs: lifetimes.certificateMs };
      const { certificate, key } = issueServing(step.issuer, step.names, validity, keys);
      return { cert: certificate.toString(), key: formatKey(key) };
    }
    case "retire-authorities":
      return { bundle: formatBundle(step.bundle) };
  }
}
