import { oneOf, parsePort, parseText, secondsUpTo, type Settings } from "../process/settings.ts";
import { LOG_LEVELS } from "../process/log.ts";

/** What is set on the command line; all that is Buildkite's or a Job's is in the configuration file. */
export const DISPATCH_SETTINGS = {
  config: {
    flag: "--config <file>",
    env: "CURFEW_CONFIG",
    help: "queues, templates, and where the secrets are, YAML (docs/buildkite.md)",
    parse: parseText,
  },
  host: {
    flag: "--host <address>",
    env: "CURFEW_HOST",
    help: "address that both ports are bound to (default: every one)",
    optional: true,
    parse: parseText,
  },
  port: {
    flag: "--port <number>",
    env: "CURFEW_PORT",
    help: "port for Buildkite's webhooks, plain HTTP: put an Ingress with TLS before it",
    fallback: "8000",
    parse: parsePort,
  },
  opsPort: {
    flag: "--ops-port <number>",
    env: "CURFEW_OPS_PORT",
    help: "port for /healthz, /readyz and /metrics, plain HTTP",
    fallback: "8080",
    parse: parsePort,
  },
  drainSeconds: {
    flag: "--drain-seconds <number>",
    env: "CURFEW_DRAIN_SECONDS",
    help: "after SIGTERM: how long to serve on while the Service forgets this Pod",
    fallback: "5",
    parse: secondsUpTo(600),
  },
  logLevel: {
    flag: "--log-level <level>",
    env: "CURFEW_LOG_LEVEL",
    help: `one of ${LOG_LEVELS.join(", ")}`,
    fallback: "info",
    parse: oneOf(...LOG_LEVELS),
  },
} as const satisfies Settings;
