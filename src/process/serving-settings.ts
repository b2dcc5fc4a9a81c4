/** The settings that every long-running process has. */
import { LOG_LEVELS } from "./log.ts";
import { oneOf, parsePort, parseText, secondsUpTo, type Setting } from "./settings.ts";

export const HOST = {
  flag: "--host <address>",
  env: "CURFEW_HOST",
  help: "address that every port is bound to (default: all addresses)",
  optional: true,
  parse: parseText,
} as const satisfies Setting<string>;

export const OPS_PORT = {
  flag: "--ops-port <number>",
  env: "CURFEW_OPS_PORT",
  help: "port for /healthz, /readyz and /metrics, plain HTTP",
  fallback: "8080",
  parse: parsePort,
} as const satisfies Setting<number>;

export const LOG_LEVEL = {
  flag: "--log-level <level>",
  env: "CURFEW_LOG_LEVEL",
  help: `one of ${LOG_LEVELS.join(", ")}`,
  fallback: "info",
  parse: oneOf(...LOG_LEVELS),
} as const satisfies Setting<string>;

/**
 * For a process behind a Service, whose clients need time to learn that it's going away. Seconds.
 */
export function drainSeconds<const F extends string>(fallback: F): Setting<number> & { readonly fallback: F } {
  return {
    flag: "--drain-seconds <number>",
    env: "CURFEW_DRAIN_SECONDS",
    help: "how long to keep serving after SIGTERM, while the Service forgets this Pod",
    fallback,
    parse: secondsUpTo(600),
  };
}
