/**
 * The settings of a long-running process. Each is a flag with an environment variable beside it and a parser for its text; every
 * problem is reported at once, so that a person fixes a manifest in one go and not in five restarts.
 */
import { Option, type Command } from "commander";

/** What a parser makes of a setting's text. `problem` reads on from the text: "is not a port: …". */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

export interface Setting<T> {
  /** As commander writes it, `--ops-port <number>`; its camel-cased name is the setting's key in its table. */
  readonly flag: string;
  /** The environment variable that counts where the flag is absent. */
  readonly env: string;
  readonly help: string;
  /** Parsed like any other text where neither flag nor variable is there. */
  readonly fallback?: string;
  /** Without a fallback a setting is required, unless this is true: then it is undefined where it is absent. */
  readonly optional?: boolean;
  readonly parse: (text: string) => Parsed<T>;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table of settings. */
export type ConfigOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { readonly parse: (text: string) => Parsed<infer T> }
    ? S[K] extends { readonly optional: true }
      ? T | undefined
      : T
    : never;
};

export type ConfigResult<S extends Settings> =
  | { readonly kind: "config"; readonly config: ConfigOf<S> }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** The exit code of a process whose configuration is wrong. */
export const EXIT_BAD_CONFIG = 2;

/** Adds the settings to a command as plain text options, so that {@link parseSettings} and not commander judges them, all at once. */
export function addSettings(command: Command, settings: Settings): Command {
  for (const { flag, env, help, fallback } of Object.values(settings)) {
    const option = new Option(flag, help).env(env);
    command.addOption(fallback === undefined ? option : option.default(fallback));
  }
  return command;
}

/** Parses what commander collected. An empty text counts as absent: Kubernetes manifests often set variables to "". */
export function parseSettings<S extends Settings>(
  settings: S,
  given: Readonly<Record<string, unknown>>,
): ConfigResult<S> {
  const config: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, { flag, env, fallback, optional, parse }] of Object.entries(settings)) {
    const raw = given[key];
    const text = typeof raw === "string" && raw !== "" ? raw : fallback;
    const name = `${flag.split(" ")[0] ?? flag} (${env})`;
    if (text === undefined) {
      if (optional !== true) problems.push(`${name} is required`);
      continue;
    }
    const parsed = parse(text);
    if ("problem" in parsed) problems.push(`${name}: ${JSON.stringify(text)} ${parsed.problem}`);
    else config[key] = parsed.value;
  }
  // Every key of the table was parsed, or is optional and absent.
  return problems.length === 0 ? { kind: "config", config: config as ConfigOf<S> } : { kind: "invalid", problems };
}

export function parseText(text: string): Parsed<string> {
  return { value: text };
}

export function parsePort(text: string): Parsed<number> {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port <= 65_535
    ? { value: port }
    : { problem: "is not a port: give a whole number from 0 (any free port) to 65535" };
}

/** Whole seconds from 0 to `max`. */
export function secondsUpTo(max: number): (text: string) => Parsed<number> {
  return (text) => {
    const seconds = Number(text);
    return /^\d+$/.test(text) && seconds <= max
      ? { value: seconds }
      : { problem: `is not a time: give whole seconds from 0 to ${max}` };
  };
}

export function parseBoolean(text: string): Parsed<boolean> {
  return text === "true" || text === "false" ? { value: text === "true" } : { problem: "must be true or false" };
}

export function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => Parsed<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text);
    return value === undefined ? { problem: `must be one of: ${choices.join(", ")}` } : { value };
  };
}
