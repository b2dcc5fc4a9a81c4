/** Carries plans out, one step after the other, until there is nothing to do but wait. */
import { carryOut, type Lifetimes } from "./carry-out.ts";
import type { Keys } from "./issue.ts";
import { isPublished, planCertificates, servingCertificate, signingAuthority } from "./plan.ts";
import type { CertificateSecret, Delays, Plan, Step, Webhook } from "./plan.ts";
import { Stopwatch } from "./stopwatch.ts";
import { parseBundle } from "./x509.ts";

/** What is there, each with the resourceVersion that a write must still meet. */
export interface Observed {
  readonly secret: (CertificateSecret & { readonly version: string }) | undefined;
  readonly webhooks: readonly Webhook[];
  /** Of the webhook configuration; undefined where there is none. */
  readonly webhooksVersion: string | undefined;
}

/** `conflict`: somebody was faster, so the plan no longer holds; nothing was written. */
export type WriteOutcome = "written" | "conflict";

/** The cluster as far as certificates go. Every method rejects when the API server cannot be asked. */
export interface Cluster {
  observe(): Promise<Observed>;
  /** Creates the Secret where `version` is undefined. */
  writeSecret(secret: CertificateSecret, version: string | undefined): Promise<WriteOutcome>;
  publish(caBundles: ReadonlyMap<string, string>, version: string): Promise<WriteOutcome>;
  /** SHA-256 fingerprints of what the Pods behind `webhooks` present; undefined if one that serves cannot be asked. */
  presented(webhooks: readonly Webhook[]): Promise<readonly string[] | undefined>;
}

export interface ReconcilerOptions {
  readonly cluster: Cluster;
  readonly delays: Delays;
  readonly lifetimes: Lifetimes;
  /** Tests pass keys that are made already. */
  readonly keys?: () => Keys;
  readonly now?: () => Date;
  readonly monotonic?: () => number;
  readonly onStep?: (step: Step, outcome: WriteOutcome) => void;
}

/** Where a round ended. */
export interface Round {
  readonly plan: Extract<Plan, { kind: "wait" }>;
  readonly observed: Observed;
}

/** More than a whole life takes, so that a bug, or somebody who undoes each step, cannot make it spin. */
const MAX_STEPS = 12;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #published: Stopwatch;
  readonly #rolledOut: Stopwatch;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#published = new Stopwatch(options.monotonic);
    this.#rolledOut = new Stopwatch(options.monotonic);
  }

  /** Reads, plans and acts until the plan is to wait. Each step is planned anew from what can be read after the one before. */
  async round(): Promise<Round> {
    const { cluster, delays, onStep, now = () => new Date() } = this.#options;
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      const observed = await cluster.observe();
      const agreement = await this.#agreement(observed);
      const plan = planCertificates({ now: now(), ...observed, agreement, delays });
      if (plan.kind === "wait") return { plan, observed };
      onStep?.(plan, await this.#act(plan, observed, now()));
    }
    throw new Error(
      `the certificates are not in place after ${MAX_STEPS} steps in a row: something else keeps changing the Secret or the webhooks`,
    );
  }

  async #act(step: Step, { secret, webhooksVersion }: Observed, now: Date): Promise<WriteOutcome> {
    const { cluster, lifetimes, keys } = this.#options;
    if (step.kind === "publish") return cluster.publish(step.caBundles, webhooksVersion ?? "");
    return cluster.writeSecret(
      carryOut(step, secret, { now, lifetimes, ...(keys && { keys: keys() }) }),
      secret?.version,
    );
  }

  async #agreement({ secret, webhooks }: Observed): Promise<{ webhooksForMs: number; podsForMs: number }> {
    const authority = signingAuthority(secret);
    const leaf = secret && servingCertificate(secret, parseBundle(secret.bundle));
    const presented = leaf && (await this.#options.cluster.presented(webhooks));
    const isRolledOut = presented?.every((fingerprint) => fingerprint === leaf?.fingerprint256) ?? false;
    return {
      webhooksForMs: this.#published.observe(isPublished(secret, webhooks) ? authority?.fingerprint256 : undefined),
      podsForMs: this.#rolledOut.observe(isRolledOut ? leaf?.fingerprint256 : undefined),
    };
  }
}
