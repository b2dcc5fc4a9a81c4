/** The metrics of `curfew certs`. docs/metrics.md lists them. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Step } from "./plan.ts";
import type { StepReason } from "./reasons.ts";
import type { Round } from "./reconcile.ts";
import { EMPTY_SECRET } from "./secret.ts";

/** What `curfew certs` counts. */
export interface CertsMetrics {
  readonly stepTaken: (step: Step["kind"], because: StepReason) => void;
  /** A round ended without an error. */
  readonly roundEnded: (round: Round) => void;
  readonly roundFailed: () => void;
}

/** Registers the metrics in `registry`, which may not have them yet. */
export function createCertsMetrics(registry: Registry): CertsMetrics {
  const registers = [registry];
  const steps = new Counter({
    name: "curfew_certs_steps_total",
    help: "Steps that changed the Secret or the webhook configuration, by what they did and why.",
    labelNames: ["step", "reason"] as const,
    registers,
  });
  const rounds = new Counter({
    name: "curfew_certs_rounds_total",
    help: "Rounds that ended with nothing left to do but wait (ok), or with an error (failed).",
    labelNames: ["outcome"] as const,
    registers,
  });
  const expiry = new Gauge({
    name: "curfew_certs_expiry_timestamp_seconds",
    help: "When the certificates in the Secret expire, in seconds since 1970.",
    labelNames: ["certificate"] as const,
    registers,
  });
  const trusted = new Gauge({
    name: "curfew_certs_trusted_authorities",
    help: "Authorities in the Secret. More than one only during a rotation.",
    registers,
  });
  for (const outcome of ["ok", "failed"]) rounds.inc({ outcome }, 0);
  return {
    stepTaken(step, reason) {
      steps.inc({ step, reason });
    },
    roundEnded({ observed: { secret } }) {
      rounds.inc({ outcome: "ok" });
      const { bundle, authority, leaf } = secret ?? EMPTY_SECRET;
      trusted.set(bundle.length);
      if (authority) expiry.set({ certificate: "authority" }, authority.certificate.validToDate.getTime() / 1000);
      if (leaf) expiry.set({ certificate: "serving" }, leaf.validToDate.getTime() / 1000);
    },
    roundFailed() {
      rounds.inc({ outcome: "failed" });
    },
  };
}
