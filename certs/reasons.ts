/**
 * Why `curfew certs` takes a step, or waits: constants for logs and metrics, each with a sentence
 * for people.
 */
export const STEP_REASONS = {
  "authority-missing": "The Secret has no certificate authority with its key.",
  "authority-due": "Two thirds of the authority's lifetime are over, or it isn't valid yet.",
  "authority-unpublished": "A webhook doesn't trust every authority in the Secret.",
  "authority-replaced": "The authority that signed the serving certificate has been replaced.",
  "authority-superseded": "Every serving Pod has presented a certificate of the new authority for long enough.",
  "certificate-missing": "The Secret has no serving certificate with its key.",
  "certificate-due": "Two thirds of the serving certificate's lifetime are over, or it isn't valid yet.",
  "service-unnamed": "The serving certificate isn't valid for a Service that a webhook calls.",
} as const;

/** Why `curfew certs` waits. */
export const WAIT_REASONS = {
  "no-webhook": "The webhook configuration doesn't exist, or calls no Service in this namespace.",
  publishing: "API servers get time to see the new authority before it signs a certificate.",
  "rolling-out":
    "Old authorities stay trusted until every serving Pod has presented the new certificate for long enough.",
  settled: "Everything is in place.",
} as const;

export type StepReason = keyof typeof STEP_REASONS;
export type WaitReason = keyof typeof WAIT_REASONS;
