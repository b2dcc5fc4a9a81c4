/**
 * What could come next on a command line. Pure: it knows commands only as commander does, so
 * whatever has a help is completed, too.
 */
import type { Argument, Command, Option } from "commander";
import { choicesOf } from "../process/settings.ts";

export interface Suggestion {
  readonly text: string;
  readonly description: string;
}

export interface Completion {
  readonly suggestions: readonly Suggestion[];
  /** Which of the shell's own suggestions fit, too. */
  readonly paths: "none" | "files" | "directories";
}

/**
 * Completes the last of `words`, which may be empty. The others are whole; the program's name isn't
 * among them. Only suggestions that begin with the word are in the answer.
 */
export function complete(program: Command, words: readonly string[]): Completion {
  const current = words.at(-1) ?? "";
  const { command, option, isValueGiven, position, isOnlyArguments } = read(program, words.slice(0, -1));
  if (option && !(isValueGiven && current.startsWith("-"))) return valuesFor(option, current);
  if (current.startsWith("-") && !isOnlyArguments) return completeOption(command, current);
  const argument = argumentAt(command, position);
  const commands = position === 0 ? commandsOf(command) : [];
  const values = argument ? valuesFor(argument, current) : NOTHING;
  return { ...values, suggestions: [...starting(commands, current), ...values.suggestions] };
}

const NOTHING: Completion = { suggestions: [], paths: "none" };

/** Where the next word stands. */
interface Place {
  readonly command: Command;
  /** It's a value of this option. */
  readonly option?: Option | undefined;
  /** The option has one already, and takes several. */
  readonly isValueGiven: boolean;
  /** How many arguments of the command come before it. */
  readonly position: number;
  /** It comes after `--`. */
  readonly isOnlyArguments: boolean;
}

function read(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, isValueGiven: false, position: 0, isOnlyArguments: false };
  for (const word of words) {
    const { command, option, isValueGiven, position, isOnlyArguments } = place;
    if (option && !(isValueGiven && isOptionLike(word))) {
      place = option.variadic ? { ...place, isValueGiven: true } : { ...place, option: undefined };
    } else if (word === "--" && !isOnlyArguments) {
      place = { command, isValueGiven: false, position, isOnlyArguments: true };
    } else if (isOptionLike(word) && !isOnlyArguments) {
      place = { ...place, option: optionBefore(command, word), isValueGiven: false };
    } else {
      const next = position === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      place = next ? { ...place, command: next } : { ...place, position: position + 1 };
    }
  }
  return place;
}

function isOptionLike(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

/** The option whose value comes after `word`, if there's one. */
function optionBefore(command: Command, word: string): Option | undefined {
  const option = command.options.find(({ short, long }) => word === short || word === long);
  return option && (option.required || option.optional) ? option : undefined;
}

function completeOption(command: Command, current: string): Completion {
  const options = command.createHelp().visibleOptions(command);
  const [, flag, value] = /^(--[^=]+)=(.*)$/.exec(current) ?? [];
  if (flag !== undefined && value !== undefined) {
    const option = options.find(({ long, required, optional }) => long === flag && (required || optional));
    const { suggestions, paths } = option ? valuesFor(option, value) : NOTHING;
    return { suggestions: suggestions.map((each) => ({ ...each, text: `${flag}=${each.text}` })), paths };
  }
  const suggestions = options.flatMap(({ long, short, description }) =>
    [long, short].filter((text) => text !== undefined).map((text) => ({ text, description })),
  );
  return { suggestions: starting(suggestions, current), paths: "none" };
}

/** `help` is the program's own: see cli.ts. */
function commandsOf(command: Command): Suggestion[] {
  const commands = command.createHelp().visibleCommands(command);
  const suggestions = commands.map((each) => ({
    text: each.name(),
    description: each.summary() || each.description().split("\n", 1).join(""),
  }));
  return command.parent ? suggestions : [...suggestions, { text: "help", description: "say more about a command" }];
}

/** The argument at a position, counted from 0. The last one may take all that follow. */
function argumentAt({ registeredArguments }: Command, position: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[position] ?? (last?.variadic ? last : undefined);
}

/** By its choices, or by what its placeholder is called: `<file>`, `[files...]`, `<directory>`. */
function valuesFor(expected: Option | Argument, current: string): Completion {
  const choices = choicesOf(expected);
  if (choices.length > 0) return { suggestions: starting(choices.map(plain), current), paths: "none" };
  const placeholder = "flags" in expected ? expected.flags.replace(/^[^<[]*/, "") : expected.name();
  if (/director(y|ies)/.test(placeholder)) return { suggestions: [], paths: "directories" };
  return { suggestions: [], paths: /file|path/.test(placeholder) ? "files" : "none" };
}

function plain(text: string): Suggestion {
  return { text, description: "" };
}

function starting(suggestions: readonly Suggestion[], current: string): Suggestion[] {
  return suggestions.filter(({ text }) => text.startsWith(current));
}

/** Cobra's ShellCompDirective: https://github.com/spf13/cobra/blob/v1.10.1/completions.go */
const DIRECTIVES = { files: 0, none: 4, directories: 16 } as const;

/**
 * As kubectl's completion reads it from a plugin: a line `text<TAB>description` for each suggestion,
 * and then `:` and a number that says whether the shell should suggest paths.
 * https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
 */
export function printCompletion({ suggestions, paths }: Completion): string {
  const lines = suggestions.map(({ text, description }) => (description ? `${text}\t${description}` : text));
  return [...lines, `:${DIRECTIVES[paths]}`, ""].join("\n");
}
