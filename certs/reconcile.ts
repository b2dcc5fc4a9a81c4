/** Carries out plans, one step at a time, until all that's left is to wait. */
import { carryOut, type Lifetimes } from "./carry-out.ts";
import type { Cluster, Observed, WriteOutcome } from "./cluster.ts";
import type { Keys } from "./issue.ts";
import { planCertificates, type Agreement, type Delays, type Plan, type Step } from "./plan.ts";
import { EMPTY_SECRET } from "./secret.ts";
import { Stopwatch } from "./stopwatch.ts";
import { includes } from "./x509.ts";

export interface ReconcilerOptions {
  readonly cluster: Cluster;
  readonly delays: Delays;
  readonly lifetimes: Lifetimes;
  /** Tests pass keys that are made already. */
  readonly keys?: () => Keys;
  readonly now?: () => Date;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic?: () => number;
  /** Called after every step. */
  readonly onStep?: (step: Step, outcome: WriteOutcome) => void;
}

/** How a round ended: why and how long to wait, and what there is. */
export interface Round {
  readonly plan: Extract<Plan, { kind: "wait" }>;
  readonly observed: Observed;
}

/**
 * More than a complete rotation takes. It keeps a bug, or somebody who undoes every step, from
 * causing an endless loop.
 */
const MAX_STEPS = 12;

/**
 * Brings the certificates into place, round by round. It remembers how long webhooks and Pods have
 * agreed with the Secret.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #published: Stopwatch;
  readonly #rolledOut: Stopwatch;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#published = new Stopwatch(options.monotonic);
    this.#rolledOut = new Stopwatch(options.monotonic);
  }

  /**
   * Reads, plans and acts until the plan is to wait. Everything is read again after each step.
   * @throws Error if the API server doesn't answer or refuses a write, or if the steps never come
   * to an end.
   */
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
      `the certificates aren't in place after ${MAX_STEPS} steps in a row: something else keeps changing the Secret or the webhooks`,
    );
  }

  async #act(step: Step, observed: Observed, now: Date): Promise<WriteOutcome> {
    const { cluster, lifetimes, keys } = this.#options;
    if (step.kind === "publish") return cluster.publish(step.caBundles, observed);
    const change = carryOut(step, { now, lifetimes, ...(keys && { keys: keys() }) });
    return cluster.writeSecret(change, observed.secret?.version);
  }

  async #agreement({ secret, webhooks }: Observed): Promise<Agreement> {
    const { authority, leaf } = secret ?? EMPTY_SECRET;
    const signer = authority?.certificate;
    const isPublished = signer !== undefined && webhooks.every(({ caBundle }) => includes(caBundle, signer));
    const presented = leaf && (await this.#options.cluster.presented(webhooks));
    const isRolledOut = presented?.every((fingerprint) => fingerprint === leaf?.fingerprint256) ?? false;
    return {
      webhooksForMs: this.#published.observe(isPublished ? signer.fingerprint256 : undefined),
      podsForMs: this.#rolledOut.observe(isRolledOut ? leaf?.fingerprint256 : undefined),
    };
  }
}
