/**
 * How far this machine's clock is off Buildkite's. If it's off by more than five minutes, no signed
 * delivery is accepted any more.
 */
import { Gauge, type Registry } from "prom-client";
import type { LimitedLog } from "../../process/log-limiter.ts";

const WARN_MS = 60_000;

/**
 * Registers the metric. Call the function that it returns with each skew: how many milliseconds
 * this machine's clock is ahead.
 */
export function watchClock(registry: Registry, limited: Pick<LimitedLog, "warn">): (skewMs: number) => void {
  const skew = new Gauge({
    name: "curfew_dispatch_clock_skew_seconds",
    help: "How far this machine's clock is ahead of Buildkite's, by its last answer or delivery; negative if it's behind.",
    registers: [registry],
  });
  return (skewMs) => {
    const seconds = Math.round(skewMs / 1000);
    skew.set(seconds);
    if (Math.abs(skewMs) <= WARN_MS) return;
    const message =
      "this machine's clock and Buildkite's differ: if it's more than 300 seconds, signed deliveries are refused";
    limited.warn("clock-skew", { aheadSeconds: seconds }, message);
  };
}
