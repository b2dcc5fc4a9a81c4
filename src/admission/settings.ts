import { oneOf, parsePort, parseText, secondsUpTo, type ConfigOf, type Settings } from "../process/settings.ts";
import type { KnownImage } from "../injection/images/known-images.ts";
import { LOG_LEVELS } from "../process/log.ts";
import { PLANNER_SETTINGS } from "../planner/settings.ts";

export const ADMISSION_SETTINGS = {
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
    help: "port for the API server, HTTPS",
    fallback: "8443",
    parse: parsePort,
  },
  opsPort: {
    flag: "--ops-port <number>",
    env: "CURFEW_OPS_PORT",
    help: "port for /healthz, /readyz and /metrics, plain HTTP",
    fallback: "8080",
    parse: parsePort,
  },
  tlsCert: {
    flag: "--tls-cert <file>",
    env: "CURFEW_TLS_CERT",
    help: "serving certificate, PEM",
    fallback: "/etc/curfew/certificate/tls.crt",
    parse: parseText,
  },
  tlsKey: {
    flag: "--tls-key <file>",
    env: "CURFEW_TLS_KEY",
    help: "its private key, PEM",
    fallback: "/etc/curfew/certificate/tls.key",
    parse: parseText,
  },
  ...PLANNER_SETTINGS,
  drainSeconds: {
    flag: "--drain-seconds <number>",
    env: "CURFEW_DRAIN_SECONDS",
    help: "after SIGTERM: how long to serve on while the Service forgets this Pod",
    fallback: "10",
    parse: secondsUpTo(600),
  },
  logLevel: {
    flag: "--log-level <level>",
    env: "CURFEW_LOG_LEVEL",
    help: `one of ${LOG_LEVELS.join(", ")}; debug has a line for every review`,
    fallback: "info",
    parse: oneOf(...LOG_LEVELS),
  },
} as const satisfies Settings;

export type AdmissionConfig = Omit<ConfigOf<typeof ADMISSION_SETTINGS>, "knownImages"> & {
  readonly knownImages: readonly KnownImage[];
};
