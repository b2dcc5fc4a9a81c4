/** The cluster, as far as certificates go: what is read from it, and what is written to it. */
import type { ParsedSecret, SecretTexts } from "./secret.ts";
import type { Bundle } from "./x509.ts";

/** A webhook configuration that exists. */
export interface Configuration {
  readonly name: string;
  readonly version: string;
}

/** An entry of a webhook configuration that calls one of our Services. */
export interface Webhook {
  readonly name: string;
  /** The configuration's name. */
  readonly configuration: string;
  /** The name that the API server expects in the certificate: SERVICE.NAMESPACE.svc. */
  readonly host: string;
  /** The authorities that the API server trusts when it calls this webhook. */
  readonly caBundle: Bundle;
}

/**
 * The cluster at one moment. A write fails if the resourceVersion that goes with it is no longer
 * current.
 */
export interface Observed {
  /** Undefined if there is no Secret. */
  readonly secret: (ParsedSecret & { readonly version: string }) | undefined;
  readonly webhooks: readonly Webhook[];
  readonly configurations: readonly Configuration[];
}

/** `conflict`: somebody else wrote first, so the plan no longer holds. Nothing was written. */
export type WriteOutcome = "written" | "conflict";

/** Every method rejects if it can't reach the API server. */
export interface Cluster {
  observe(): Promise<Observed>;
  /** Changes the given texts and keeps the others. Creates the Secret if `version` is undefined. */
  writeSecret(change: Partial<SecretTexts>, version: string | undefined): Promise<WriteOutcome>;
  /** Writes the caBundles of the webhooks with these names, where they were observed. */
  publish(caBundles: ReadonlyMap<string, Bundle>, observed: Observed): Promise<WriteOutcome>;
  /**
   * The SHA-256 fingerprints of the certificates that the Pods behind `webhooks` present. Undefined
   * if a serving Pod doesn't answer.
   */
  presented(webhooks: readonly Webhook[]): Promise<readonly string[] | undefined>;
}
