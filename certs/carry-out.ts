import { issueAuthority } from "./authority.ts";
import type { Keys } from "./issue.ts";
import type { CertificateSecret, Step } from "./plan.ts";
import { issueServing } from "./serving.ts";

export interface Lifetimes {
  readonly authorityMs: number;
  readonly certificateMs: number;
}

export interface Issuing {
  readonly now: Date;
  readonly lifetimes: Lifetimes;
  /** Tests pass keys that are made already. */
  readonly keys?: Keys;
}

/** A step that changes the Secret. */
export type SecretStep = Exclude<Step, { kind: "publish" }>;

const EMPTY: CertificateSecret = { bundle: "", authorityKey: "", cert: "", key: "" };

/** The Secret after a step. The key of an authority that no longer signs is gone with the step that replaces it. */
export function carryOut(
  step: SecretStep,
  secret: CertificateSecret = EMPTY,
  { now, lifetimes, keys }: Issuing,
): CertificateSecret {
  switch (step.kind) {
    case "create-authority": {
      const authority = issueAuthority({ now, lifetimeMs: lifetimes.authorityMs }, keys);
      return { ...secret, bundle: authority.cert + step.trust, authorityKey: authority.key };
    }
    case "issue-certificate": {
      const authority = { cert: secret.bundle, key: secret.authorityKey };
      return { ...secret, ...issueServing(authority, step.names, { now, lifetimeMs: lifetimes.certificateMs }, keys) };
    }
    case "retire-authorities":
      return { ...secret, bundle: step.bundle };
  }
}
