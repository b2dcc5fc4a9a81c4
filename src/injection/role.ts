/** What a role is, and how it can have been found. */
import { EVIDENCE, type EvidenceId } from "./evidence.ts";
import type { Container } from "./job.ts";

export type Role = "main" | "sidecar" | "ignored";

/** How a container got its role, or why it got none, in words that complete "because". docs/reference.md lists them; a test compares. */
export const ROLE_SOURCES = {
  "main-annotation": "curfew.sh/main names it",
  "sidecars-annotation": "curfew.sh/sidecars names it",
  "ignore-annotation": "curfew.sh/ignore names it",
  "not-in-main": "curfew.sh/main names others only",
  "not-in-sidecars": "curfew.sh/sidecars names others only",
  wrapped: "Curfew has wrapped it before",
  "default-container": "it's kubectl's default container",
  "main-image": "its image is known as a main one's",
  ...(Object.fromEntries(Object.entries(EVIDENCE).map(([id, { because }]) => [id, because])) as {
    readonly [id in EvidenceId]: string;
  }),
  "only-one-left": "it's the only one left",
  "no-evidence": "nothing shows what it is",
} as const;

export type RoleSource = keyof typeof ROLE_SOURCES;

export interface RoleAssignment {
  readonly container: Container;
  /** Unclear: nothing says what it is. Then the Job is refused. */
  readonly role: Role | "unclear";
  readonly source: RoleSource;
}

export interface Assigned extends RoleAssignment {
  readonly role: Role;
}
