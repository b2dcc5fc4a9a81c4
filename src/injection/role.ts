/** The roles of containers, and how a role can be found. */
import { EVIDENCE, type EvidenceId } from "./evidence.ts";
import type { Container } from "./job.ts";

export type Role = "main" | "sidecar" | "ignored";

/**
 * How a container got its role, or why it has none, in words that complete "because".
 * docs/reference.md lists them; a test compares.
 */
export const ROLE_SOURCES = {
  "main-annotation": "curfew.sh/main names it",
  "sidecars-annotation": "curfew.sh/sidecars names it",
  "ignore-annotation": "curfew.sh/ignore names it",
  "ends-by-itself": "whoever added it ends it",
  "not-in-main": "curfew.sh/main doesn't name it",
  "not-in-sidecars": "curfew.sh/sidecars doesn't name it",
  wrapped: "Curfew has already wrapped it",
  recorded: "Curfew decided so earlier",
  "default-container": "it's kubectl's default container",
  "main-image": "its image is known to be main",
  ...(Object.fromEntries(Object.entries(EVIDENCE).map(([id, { because }]) => [id, because])) as {
    readonly [id in EvidenceId]: string;
  }),
  "completed-later": "another webhook completes it in the Pod",
  "added-later": "another webhook added it to the Pod",
  "only-one-left": "it's the only one left",
  "no-evidence": "nothing shows what it is",
} as const;

export type RoleSource = keyof typeof ROLE_SOURCES;

export interface RoleAssignment {
  readonly container: Container;
  /** Unclear: nothing shows what it is. Then the Job is refused. */
  readonly role: Role | "unclear";
  readonly source: RoleSource;
}

export interface AssignedRole extends RoleAssignment {
  readonly role: Role;
}
