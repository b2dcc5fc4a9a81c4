/**
 * Why a Job is left alone or refused: kebab-case constants for logs and metrics, one sentence each for people. docs/reference.md
 * lists them; a test compares.
 */
export const LEAVE_REASONS = {
  "not-enabled": 'The Job isn\'t labelled curfew.sh/enabled: "true".',
  "already-injected": "What Curfew would inject is there already.",
  "single-container": "The Job has one container and ends by itself.",
  "no-sidecars":
    "No container is left that Curfew would stop: the others are main containers, ignored, or native sidecars.",
} as const;

export const REFUSE_REASONS = {
  malformed: "The object is not shaped like a Job.",
  "invalid-annotation": "An annotation of Curfew's has a value that it cannot have.",
  "unknown-container": "An annotation names a container that the Job doesn't have.",
  "no-main": "No container is left that could be the main one.",
  "roles-unclear": "Nothing shows which of several containers are sidecars.",
  "limits-met": "No strategy can keep its promises for this Job.",
  "half-injected": "The Job bears a part of what Curfew injects, changed or incomplete.",
} as const;

export type LeaveReason = keyof typeof LEAVE_REASONS;
export type RefuseReason = keyof typeof REFUSE_REASONS;
