/**
 * Why a Job is left alone or refused: kebab-case constants for logs and metrics, one sentence each for people. docs/reference.md
 * lists them; a test compares.
 */
export const LEAVE_REASONS = {
  "not-enabled": 'The Job isn\'t labelled curfew.sh/enabled: "true".',
  "already-injected": "What Curfew would inject is there already.",
  "single-container": "The Job has only one container.",
  "no-sidecars": "There's no container for Curfew to stop: all are main, ignored or native sidecars.",
} as const;

export const REFUSE_REASONS = {
  malformed: "The object is not shaped like a Job.",
  "invalid-annotation": "An annotation has an invalid value, or contradicts another one.",
  "unknown-container": "An annotation names a container that the Job doesn't have.",
  "no-main": "No container could be the main one.",
  "roles-unclear": "Nothing shows which containers are sidecars.",
  "limits-met": "No strategy can keep its promises for this Job.",
  "half-injected": "Only part of what Curfew injects is there, or it was changed.",
} as const;

export type LeaveReason = keyof typeof LEAVE_REASONS;
export type RefuseReason = keyof typeof REFUSE_REASONS;
