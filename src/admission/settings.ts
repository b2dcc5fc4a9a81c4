import { PLANNER_SETTINGS } from "../planner/settings.ts";
import { drainSeconds, HOST, LOG_LEVEL, OPS_PORT } from "../process/serving-settings.ts";
import { parsePort, parseText, type SettingsOf, type SettingsTable } from "../process/settings.ts";

export const ADMISSION_SETTINGS = {
  host: HOST,
  port: {
    flag: "--port <number>",
    env: "CURFEW_PORT",
    help: "port for the API server, HTTPS",
    fallback: "8443",
    parse: parsePort,
  },
  opsPort: OPS_PORT,
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
  drainSeconds: drainSeconds("10"),
  logLevel: { ...LOG_LEVEL, help: `${LOG_LEVEL.help}; debug has a line for every review` },
} as const satisfies SettingsTable;

export type AdmissionSettings = SettingsOf<typeof ADMISSION_SETTINGS>;
