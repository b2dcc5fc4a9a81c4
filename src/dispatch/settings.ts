import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { messageOf } from "../process/errors.ts";
import { drainSeconds, HOST, LOG_LEVEL, OPS_PORT } from "../process/serving-settings.ts";
import { parsePort, type Parsed, type SettingsOf, type SettingsTable } from "../process/settings.ts";
import type { DispatchConfig } from "./config/dispatch-config.ts";
import { parseConfig } from "./config/parse-config.ts";

/**
 * The settings on the command line. Everything about Buildkite or Jobs is in the configuration
 * file.
 */
export const DISPATCH_SETTINGS = {
  config: {
    flag: "--config <file>",
    env: "CURFEW_CONFIG",
    help: "YAML with the queues, their templates, and where the secrets are (docs/buildkite-configuration.md)",
    parse: loadConfig,
  },
  host: HOST,
  port: {
    flag: "--port <number>",
    env: "CURFEW_PORT",
    help: "port for Buildkite's webhooks, plain HTTP: put an Ingress with TLS in front of it",
    fallback: "8000",
    parse: parsePort,
  },
  opsPort: OPS_PORT,
  drainSeconds: drainSeconds("5"),
  logLevel: LOG_LEVEL,
} as const satisfies SettingsTable;

export type DispatchSettings = SettingsOf<typeof DISPATCH_SETTINGS>;

/**
 * `secrets: false`, of `--no-secrets`, is for a check where the cluster's Secrets and ConfigMaps
 * aren't mounted, as in CI: then a template may also be beside the configuration file, as it is in
 * the ConfigMap.
 */
function loadConfig(path: string, { secrets }: { readonly secrets?: unknown }): Parsed<DispatchConfig> {
  const skipSecrets = secrets === false;
  const readFile = (file: string): string => readFileSync(skipSecrets ? whereItIs(file, path) : file, "utf8");
  try {
    const parsed = parseConfig(readFileSync(path, "utf8"), { env: process.env, readFile, skipSecrets });
    const named = (messages: readonly string[]): string[] => messages.map((message) => `${path}: ${message}`);
    return parsed.kind === "config"
      ? { value: parsed.config, notes: named(parsed.notes) }
      : { problems: named(parsed.problems) };
  } catch (error) {
    return { problems: [`${path}: ${messageOf(error)}`] };
  }
}

function whereItIs(file: string, config: string): string {
  const beside = join(dirname(config), basename(file));
  return !existsSync(file) && existsSync(beside) ? beside : file;
}
