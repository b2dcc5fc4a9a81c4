/**
 * The settings of a command. Each is a flag, an environment variable, and a parser for their text.
 * All problems are reported at once, so that people can fix a manifest in one go and not in five
 * restarts.
 */
import { Option, type Argument, type Command } from "commander";

/**
 * What a parser makes of a setting's text. A `problem` continues a sentence that starts with the
 * text: "is not a port: …". `problems` are those of the file that the text names. Each is a whole
 * sentence that starts with the file's name, and so is each of `notes`: what's allowed, but probably
 * not meant.
 */
export type Parsed<T> =
  | { readonly value: T; readonly notes?: readonly string[] }
  | { readonly problem: string }
  | { readonly problems: readonly string[] };

export interface Setting<T> {
  /**
   * In commander's notation: `--ops-port <number>`. The setting's key in its table is this name in
   * camel case.
   */
  readonly flag: string;
  /** The environment variable, used if the flag is absent. */
  readonly env: string;
  readonly help: string;
  /** Used if there's neither flag nor variable, and parsed like any other text. */
  readonly fallback?: string;
  /**
   * A setting without a fallback is required, unless this is true. Then its value can be undefined.
   */
  readonly optional?: boolean;
  readonly parse: Parse<T> | ParseChoice<T>;
}

/** @param given what commander collected, for a setting that depends on other options. */
type Parse<T> = (text: string, given: Readonly<Record<string, unknown>>) => Parsed<T> | Promise<Parsed<T>>;

/** It accepts only these texts, which completion offers. */
type ParseChoice<T> = ((text: string) => Parsed<T>) & { readonly choices: readonly string[] };

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table of settings. */
export type SettingsOf<S extends SettingsTable> = {
  readonly [K in keyof S]: S[K] extends { readonly parse: (...args: never[]) => infer R }
    ? S[K] extends { readonly optional: true }
      ? ValueOf<R> | undefined
      : ValueOf<R>
    : never;
};

type ValueOf<R> = Awaited<R> extends Parsed<infer T> ? T : never;

export type ParsedSettings<S extends SettingsTable> =
  | { readonly kind: "settings"; readonly settings: SettingsOf<S>; readonly notes: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** The exit code of a command whose command line, configuration or input is wrong. */
export const EXIT_USAGE = 2;

/**
 * Adds the settings to a command as plain text options. {@link parseSettings} checks them, not
 * commander, so that all problems are found at once.
 */
export function addSettings(command: Command, table: SettingsTable): Command {
  for (const { flag, env, help, fallback, parse } of Object.values(table)) {
    const option = new Option(flag, help).env(env);
    if ("choices" in parse) CHOICES.set(option, parse.choices);
    command.addOption(fallback === undefined ? option : option.default(fallback));
  }
  return command;
}

/** The choices of settings, which commander doesn't know: it would report a wrong one by itself. */
const CHOICES = new WeakMap<Option, readonly string[]>();

/** What an option or an argument accepts. Empty: it isn't a choice between texts. */
export function choicesOf(expected: Option | Argument): readonly string[] {
  return expected.argChoices ?? ("flags" in expected ? CHOICES.get(expected) : undefined) ?? [];
}

/**
 * Parses what commander collected. An empty text counts as absent: Kubernetes manifests often set
 * variables to "".
 */
export async function parseSettings<S extends SettingsTable>(
  table: S,
  given: Readonly<Record<string, unknown>>,
): Promise<ParsedSettings<S>> {
  const settings: Record<string, unknown> = {};
  const problems: string[] = [];
  const notes: string[] = [];
  for (const [key, { flag, env, fallback, optional, parse }] of Object.entries(table)) {
    const raw = given[key];
    const text = typeof raw === "string" && raw !== "" ? raw : fallback;
    const name = `${flag.split(" ")[0] ?? flag} (${env})`;
    if (text === undefined) {
      if (optional !== true) problems.push(`${name} is required`);
      continue;
    }
    const parsed = await parse(text, given);
    if ("value" in parsed) {
      settings[key] = parsed.value;
      notes.push(...(parsed.notes ?? []));
    } else if ("problem" in parsed) problems.push(`${name}: ${JSON.stringify(text)} ${parsed.problem}`);
    else problems.push(...parsed.problems);
  }
  if (problems.length > 0) return { kind: "invalid", problems };
  // Every key of the table was parsed, or is optional and absent.
  return { kind: "settings", settings: settings as SettingsOf<S>, notes };
}

/**
 * Gives `command` the settings as options, and an action that calls `run` with their values. If a
 * parser or `check` finds problems, the action prints a line for each of them instead, and sets
 * exit code {@link EXIT_USAGE}. Notes are printed before `run`.
 *
 * @param run also gets commander's own options, for those that aren't settings.
 * @param check finds problems between settings, or options, that are each valid by themselves.
 */
export function runWithSettings<S extends SettingsTable>(
  command: Command,
  table: S,
  run: (settings: SettingsOf<S>, options: Readonly<Record<string, unknown>>) => void | Promise<void>,
  check: (settings: SettingsOf<S>, options: Readonly<Record<string, unknown>>) => readonly string[] = () => [],
): Command {
  return addSettings(command, table).action(async () => {
    const options = command.optsWithGlobals<Record<string, unknown>>();
    const parsed = await parseSettings(table, options);
    const problems = parsed.kind === "invalid" ? parsed.problems : check(parsed.settings, options);
    if (parsed.kind === "settings" && problems.length === 0) {
      printNotes(command, parsed.notes);
      await run(parsed.settings, options);
    } else {
      reportUsage(command, problems);
    }
  });
}

/**
 * Prints what's wrong with a command's input, one line for each problem, and sets exit code {@link
 * EXIT_USAGE}.
 */
export function reportUsage(command: Command, problems: readonly string[]): void {
  printNotes(command, problems);
  process.exitCode = EXIT_USAGE;
}

/** Writes lines for people to standard error, each after the command's name. */
export function printNotes(command: Command, lines: readonly string[]): void {
  for (const line of lines) console.error(`${fullName(command)}: ${line}`);
}

/** A command as people type it, such as `curfew certs status`. */
export function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

/** Accepts any text. */
export function parseText(text: string): Parsed<string> {
  return { value: text };
}

/** Parses a TCP port. 0 is any free one. */
export function parsePort(text: string): Parsed<number> {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port <= 65_535
    ? { value: port }
    : { problem: "is not a port: give a whole number from 0 (any free port) to 65535" };
}

/** Makes a parser for whole seconds from 0 to `max`. */
export function secondsUpTo(max: number): (text: string) => Parsed<number> {
  return (text) => {
    const seconds = Number(text);
    return /^\d+$/.test(text) && seconds <= max
      ? { value: seconds }
      : { problem: `is not a time: give whole seconds from 0 to ${max}` };
  };
}

/** Parses `true` or `false`. */
export const parseBoolean: ParseChoice<boolean> = Object.assign(
  (text: string): Parsed<boolean> =>
    text === "true" || text === "false" ? { value: text === "true" } : { problem: "must be true or false" },
  { choices: ["true", "false"] },
);

/** Makes a parser that accepts only `choices`, as they're spelled. */
export function oneOf<const T extends string>(...choices: readonly T[]): ParseChoice<T> {
  const parse = (text: string): Parsed<T> => {
    const value = choices.find((choice) => choice === text);
    return value === undefined ? { problem: `must be one of: ${choices.join(", ")}` } : { value };
  };
  return Object.assign(parse, { choices });
}
