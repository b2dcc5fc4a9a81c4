/**
 * Why a Job is left alone or refused: kebab-case constants for logs and metrics, each with a
 * sentence for people. docs/reference.md lists them, and a test compares.
 */
export const LEAVE_REASONS = {
  "not-enabled": 'The Job isn\'t labelled curfew.sh/enabled: "true".',
  "already-injected": "Everything that Curfew would inject is already there.",
  "single-container": "The Job has only one container.",
  "no-sidecars": "There's nothing for Curfew to stop: every container is main, ignored or a native sidecar.",
} as const;

export const REFUSE_REASONS = {
  malformed: "This isn't a valid Job.",
  "invalid-annotation": "An annotation has an invalid value, or contradicts another one.",
  "unknown-container": "An annotation names a container that the Job doesn't have.",
  "no-main": "No container can be the main one.",
  "roles-unclear": "Nothing shows which containers are sidecars.",
  "limits-met": "No strategy works for this Job.",
  "half-injected": "Part of what Curfew injected is missing, or was changed.",
} as const;

export type LeaveReason = keyof typeof LEAVE_REASONS;
export type RefuseReason = keyof typeof REFUSE_REASONS;
