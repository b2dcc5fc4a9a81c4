/** Why `curfew certs` takes a step, or waits: kebab-case constants for logs and metrics, one sentence each for people. */
export const STEP_REASONS = {
  "authority-missing": "There is no certificate authority with its key in the Secret.",
  "authority-due": "Two thirds of the authority's life are over, or it is not valid yet.",
  "authority-unpublished": "A webhook does not trust every authority in the Secret.",
  "authority-replaced": "The serving certificate is another authority's than the one that signs now.",
  "authority-superseded": "Every serving Pod has presented a certificate of the new authority for long enough.",
  "certificate-missing": "There is no serving certificate with its key in the Secret.",
  "certificate-due": "Two thirds of the serving certificate's life are over, or it is not valid yet.",
  "service-unnamed": "The serving certificate does not name a Service that a webhook calls.",
} as const;

export const WAIT_REASONS = {
  "no-webhook": "The webhook configuration is not there, or calls no Service in this namespace.",
  publishing: "Every API server gets time to take the authorities over before a certificate needs them.",
  "rolling-out":
    "Not every serving Pod has presented the new certificate for long enough; superseded authorities stay trusted.",
  settled: "Everything is in place.",
} as const;

export type StepReason = keyof typeof STEP_REASONS;
export type WaitReason = keyof typeof WAIT_REASONS;
