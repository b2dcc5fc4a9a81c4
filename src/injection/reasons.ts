/**
 * Why a Job is left alone or refused: kebab-case constants for logs and metrics, each with a
 * sentence for people. docs/reference.md lists them, and a test compares.
 */
export const LEAVE_REASONS = {
  "not-enabled": 'The Job doesn\'t have curfew.sh/enabled: "true".',
  "opted-out": 'The Job has curfew.sh/enabled: "false".',
  "already-injected": "Everything that Curfew would inject is already there.",
  "single-container": "The Job has only one container.",
  "no-sidecars": "There's nothing for Curfew to stop: every container is main, ignored or a native sidecar.",
  "runs-forever": "The Pod's restartPolicy is Always, so it runs until somebody deletes it.",
  "static-pod": "This is kubelet's copy of a static Pod, which nobody can change.",
  "no-late-containers": "No other webhook added a container to the Pod.",
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
