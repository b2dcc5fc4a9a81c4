/** What a Job's annotations ask for. They are hostile input: each has one strict form, and what is quoted back is cut short. */
import { nearest } from "./nearest.ts";
import {
  COMMAND_PREFIX,
  GRACE_PERIOD_PREFIX,
  IGNORE_ANNOTATION,
  INJECTED_ANNOTATION,
  MAIN_ANNOTATION,
  SHELL_PREFIX,
  SIDECARS_ANNOTATION,
  START_TIMEOUT_ANNOTATION,
  STRATEGY_ANNOTATION,
  type Strategy,
} from "./names.ts";
import { quote } from "./quote.ts";

/** What the dispatcher notes on its Jobs. */
const NOTES_PREFIX = "curfew.sh/buildkite-";
export const DEFAULT_START_TIMEOUT_SECONDS = 3600;

/** int32, as Kubernetes has it for most seconds; shells that count in 32 bits manage it too. */
const MAX_SECONDS = 2 ** 31 - 1;

export interface JobSettings {
  /** Undefined: not said, as with the next one. */
  readonly mains: readonly string[] | undefined;
  readonly sidecars: readonly string[] | undefined;
  readonly ignored: readonly string[];
  readonly strategy: Strategy | "auto" | undefined;
  readonly startTimeoutSeconds: number;
  /** By container name, as the two below. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly gracePeriods: ReadonlyMap<string, number>;
  readonly shells: ReadonlyMap<string, string>;
}

export interface ParsedAnnotations {
  /** False: the Job has no annotation of Curfew's, so the settings are the defaults. */
  readonly hasAny: boolean;
  readonly settings: JobSettings;
  /** Sentences about values that can't be read. Where there is one, the settings are incomplete and must not be used. */
  readonly problems: readonly string[];
  /** Sentences about annotations that have no effect. */
  readonly warnings: readonly string[];
}

/** Parses all annotations of Curfew's. Never throws: what is wrong is in `problems`. */
export function parseAnnotations(annotations: Readonly<Record<string, string>> | null | undefined): ParsedAnnotations {
  // Most Jobs say nothing but the label.
  return annotations && Object.keys(annotations).some(isCurfewAnnotation) ? parseSome(annotations) : NOTHING_SAID;
}

type Draft = {
  -readonly [Key in keyof JobSettings]: JobSettings[Key] extends ReadonlyMap<infer Name, infer Value>
    ? Map<Name, Value>
    : JobSettings[Key];
};

/** One form of annotation: what its value must be, and how it is kept. */
interface Form {
  readonly expected: string;
  /** The values that there are, where they can be listed. */
  readonly values?: readonly string[];
  /** False: the value doesn't fit. `container` is what follows the slash. */
  readonly keep: (draft: Draft, value: string, container: string) => boolean;
}

function form<T>(
  expected: string,
  parse: (value: string) => T | undefined,
  set: (draft: Draft, parsed: T, container: string) => void,
  values?: readonly string[],
): Form {
  return {
    expected,
    ...(values ? { values } : {}),
    keep(draft, value, container) {
      const parsed = parse(value);
      if (parsed !== undefined) set(draft, parsed, container);
      return parsed !== undefined;
    },
  };
}

const STRATEGIES = ["auto", "trap", "native"] as const;
const NAMES = "container names, separated by commas";

/** Annotations of the whole Job, by key. */
const OF_THE_JOB: Readonly<Record<string, Form>> = {
  [MAIN_ANNOTATION]: form(NAMES, parseNames, (draft, names) => (draft.mains = names)),
  [SIDECARS_ANNOTATION]: form(NAMES, parseNames, (draft, names) => (draft.sidecars = names)),
  [IGNORE_ANNOTATION]: form(NAMES, parseNames, (draft, names) => (draft.ignored = names)),
  [STRATEGY_ANNOTATION]: form(
    "auto, trap or native",
    (value) => STRATEGIES.find((strategy) => strategy === value),
    (draft, strategy) => (draft.strategy = strategy),
    STRATEGIES,
  ),
  [START_TIMEOUT_ANNOTATION]: form("whole seconds, 0 for no limit", parseSeconds, (draft, seconds) => {
    draft.startTimeoutSeconds = seconds;
  }),
};

/** Annotations of one container, by what is before its name. */
const OF_A_CONTAINER: Readonly<Record<string, Form>> = {
  [COMMAND_PREFIX]: form(
    'a JSON list of strings, as in ["/entrypoint.sh", "--flag"]',
    parseCommand,
    (draft, argv, name) => draft.commands.set(name, argv),
  ),
  [GRACE_PERIOD_PREFIX]: form("whole seconds", parseSeconds, (draft, seconds, name) =>
    draft.gracePeriods.set(name, seconds),
  ),
  [SHELL_PREFIX]: form(
    "the absolute path of a POSIX shell in the image, as in /bin/bash",
    parseShell,
    (draft, path, name) => draft.shells.set(name, path),
  ),
};

function parseSome(annotations: Readonly<Record<string, string>>): ParsedAnnotations {
  const settings: Draft = {
    mains: undefined,
    sidecars: undefined,
    ignored: [],
    strategy: undefined,
    startTimeoutSeconds: DEFAULT_START_TIMEOUT_SECONDS,
    commands: new Map(),
    gracePeriods: new Map(),
    shells: new Map(),
  };
  const problems: string[] = [];
  const warnings: string[] = [];
  let hasAny = false;
  for (const key in annotations) {
    const value = annotations[key];
    if (value === undefined || key === INJECTED_ANNOTATION || !isCurfewAnnotation(key)) continue;
    hasAny = true;
    const slash = key.indexOf("/") + 1;
    const found = OF_THE_JOB[key] ?? OF_A_CONTAINER[key.slice(0, slash)];
    if (!found) warnings.push(unknownKey(key, warnings.length < MAX_SEARCHES));
    else if (!found.keep(settings, value, key.slice(slash))) problems.push(misfit(key, value, found));
  }
  return { hasAny, settings, problems, warnings };
}

const NOTHING_SAID = parseSome({});

function misfit(key: string, value: string, { expected, values = [] }: Form): string {
  const meant = nearest(value.toLowerCase(), values);
  const hint = meant === undefined ? "." : `; did you mean ${meant}?`;
  return `The annotation ${quote(key)} is ${quote(value)}. It must be ${expected}${hint}`;
}

/** More warnings are never shown; the search for what was meant takes its time. */
const MAX_SEARCHES = 8;

function unknownKey(key: string, search: boolean): string {
  const meant = search ? nearestKey(key) : undefined;
  const hint = meant === undefined ? "." : `: did you mean ${quote(meant)}?`;
  return `Curfew doesn't know the annotation ${quote(key)}, so it has no effect${hint}`;
}

function nearestKey(key: string): string | undefined {
  const slash = key.indexOf("/") + 1;
  const prefix = nearest(key.slice(0, slash), Object.keys(OF_A_CONTAINER));
  return prefix === undefined ? nearest(key, Object.keys(OF_THE_JOB)) : prefix + key.slice(slash);
}

/** Whether an annotation is in Curfew's domain, known or not. What the dispatcher notes on its Jobs is no setting. */
export function isCurfewAnnotation(key: string): boolean {
  return (key.startsWith("curfew.sh/") && !key.startsWith(NOTES_PREFIX)) || key.includes(".curfew.sh/");
}

/** Each name once. */
function parseNames(value: string): readonly string[] | undefined {
  const names = value.split(",").map((name) => name.trim());
  return names.every((name) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) ? [...new Set(names)] : undefined;
}

function parseSeconds(value: string): number | undefined {
  if (!/^\d{1,10}$/.test(value)) return undefined;
  const seconds = Number(value);
  return seconds <= MAX_SECONDS ? seconds : undefined;
}

function parseCommand(value: string): readonly string[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || !parsed.every((part): part is string => typeof part === "string")) return undefined;
  return parsed[0] ? parsed : undefined;
}

function parseShell(value: string): string | undefined {
  return /^(\/[\w.+-]+)+$/.test(value) && value.length <= 255 && !/\/\.\.?(\/|$)/.test(value) ? value : undefined;
}
