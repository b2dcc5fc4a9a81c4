import { parseText, secondsUpTo, type Parsed, type SettingsOf, type SettingsTable } from "../src/process/settings.ts";
import { HOST, LOG_LEVEL, OPS_PORT } from "../src/process/serving-settings.ts";
import { usedFor } from "./x509.ts";

const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 365 * DAY_SECONDS;
/** Shorter than this no rotation could keep up with itself. */
const MIN_LIFETIME_SECONDS = 10;

function secondsFrom(min: number, max: number): (text: string) => Parsed<number> {
  const parse = secondsUpTo(max);
  return (text) => {
    const parsed = parse(text);
    return "value" in parsed && parsed.value < min ? { problem: `is too short: give at least ${min} s` } : parsed;
  };
}

/** Parses names of objects, separated by commas. */
function parseNames(text: string): Parsed<readonly string[]> {
  const names = text.split(",").map((name) => name.trim());
  return names.every((name) => name !== "") ? { value: names } : { problem: "has an empty name" };
}

/** Where to look, for `run` and `status` alike. */
export const NAMES_SETTINGS = {
  namespace: {
    flag: "--namespace <name>",
    env: "CURFEW_NAMESPACE",
    help: "where Curfew runs",
    fallback: "curfew-system",
    parse: parseText,
  },
  secret: {
    flag: "--secret <name>",
    env: "CURFEW_CERTS_SECRET",
    help: "Secret with the certificates",
    fallback: "curfew-certificates",
    parse: parseText,
  },
  webhookConfiguration: {
    flag: "--webhook-configuration <names>",
    env: "CURFEW_CERTS_WEBHOOK_CONFIGURATION",
    help: "MutatingWebhookConfigurations to keep caBundles current in, separated by commas",
    fallback: "curfew,zz-curfew",
    parse: parseNames,
  },
} as const satisfies SettingsTable;

export const CERTS_SETTINGS = {
  ...NAMES_SETTINGS,
  host: HOST,
  opsPort: OPS_PORT,
  certificateLifetime: {
    flag: "--certificate-lifetime <seconds>",
    env: "CURFEW_CERTS_CERTIFICATE_LIFETIME_SECONDS",
    help: "lifetime of a serving certificate; renewed when a third is left",
    fallback: String(30 * DAY_SECONDS),
    parse: secondsFrom(MIN_LIFETIME_SECONDS, YEAR_SECONDS),
  },
  authorityLifetime: {
    flag: "--authority-lifetime <seconds>",
    env: "CURFEW_CERTS_AUTHORITY_LIFETIME_SECONDS",
    help: "lifetime of the authority that signs it; renewed when a third is left",
    fallback: String(YEAR_SECONDS),
    parse: secondsFrom(MIN_LIFETIME_SECONDS, 10 * YEAR_SECONDS),
  },
  publishDelay: {
    flag: "--publish-delay <seconds>",
    env: "CURFEW_CERTS_PUBLISH_DELAY_SECONDS",
    help: "how long every webhook must have trusted an authority before it signs",
    fallback: "30",
    parse: secondsFrom(1, DAY_SECONDS),
  },
  rolloutDelay: {
    flag: "--rollout-delay <seconds>",
    env: "CURFEW_CERTS_ROLLOUT_DELAY_SECONDS",
    help: "how long every Pod must have presented a new certificate before the old authority is no longer trusted",
    fallback: "600",
    parse: secondsFrom(1, DAY_SECONDS),
  },
  logLevel: LOG_LEVEL,
} as const satisfies SettingsTable;

export type CertsSettings = SettingsOf<typeof CERTS_SETTINGS>;

/** What is wrong with settings that are right each by itself. */
export function checkDelays({ certificateLifetime, publishDelay, rolloutDelay }: CertsSettings): readonly string[] {
  const used = usedFor(certificateLifetime);
  if (publishDelay + rolloutDelay < used) return [];
  return [
    `--publish-delay ${publishDelay} and --rollout-delay ${rolloutDelay}, together, are not shorter than the ${Math.floor(used)} s after which a certificate ` +
      `of --certificate-lifetime ${certificateLifetime} is replaced: no authority would ever be retired`,
  ];
}
