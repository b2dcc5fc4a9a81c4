/** What a Job's annotations ask for. They are hostile input: each has one strict form, and what is quoted back is cut short. */
import { INJECTED_ANNOTATION, type Strategy } from "./plan.ts";
import { quote } from "./quote.ts";

export const MAIN_ANNOTATION = "curfew.sh/main";
export const IGNORE_ANNOTATION = "curfew.sh/ignore";
export const STRATEGY_ANNOTATION = "curfew.sh/strategy";
export const START_TIMEOUT_ANNOTATION = "curfew.sh/start-timeout-seconds";
/** What the dispatcher notes on its Jobs. */
const NOTES_PREFIX = "curfew.sh/buildkite-";
/** Before the slash of annotations for one container, whose name follows it. */
export const COMMAND_PREFIX = "command.curfew.sh/";
export const GRACE_PERIOD_PREFIX = "grace-period-seconds.curfew.sh/";
export const SHELL_PREFIX = "shell.curfew.sh/";

export const DEFAULT_START_TIMEOUT_SECONDS = 3600;

/** int32, as Kubernetes has it for most seconds; shells that count in 32 bits manage it too. */
const MAX_SECONDS = 2 ** 31 - 1;

export interface Settings {
  /** Undefined: not said, so the planner looks for it. */
  readonly mains: readonly string[] | undefined;
  readonly ignored: readonly string[];
  readonly strategy: Strategy | "auto" | undefined;
  readonly startTimeoutSeconds: number;
  /** By container name, as the three below. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly gracePeriods: ReadonlyMap<string, number>;
  readonly shells: ReadonlyMap<string, string>;
}

export type ParsedAnnotations =
  | { readonly kind: "settings"; readonly settings: Settings; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly message: string };

/** Parses all of them; every mistake is reported at once, at most five in full. */
export function parseAnnotations(annotations: Readonly<Record<string, string>> | null | undefined): ParsedAnnotations {
  // Most Jobs say nothing but the label.
  return annotations && Object.keys(annotations).some(isCurfews) ? parseSome(annotations) : NOTHING_SAID;
}

function parseSome(annotations: Readonly<Record<string, string>>): ParsedAnnotations {
  const commands = new Map<string, readonly string[]>();
  const gracePeriods = new Map<string, number>();
  const shells = new Map<string, string>();
  const problems: string[] = [];
  const warnings: string[] = [];
  let mains: readonly string[] | undefined;
  let ignored: readonly string[] = [];
  let strategy: Strategy | "auto" | undefined;
  let startTimeoutSeconds = DEFAULT_START_TIMEOUT_SECONDS;

  for (const key in annotations) {
    const value = annotations[key];
    if (value === undefined || !isCurfews(key)) continue;
    const wrong = (expected: string): void => {
      problems.push(`${quote(key)} is ${quote(value)}, but must be ${expected}`);
    };
    const containerName = key.slice(key.indexOf("/") + 1);
    if (key === MAIN_ANNOTATION) {
      mains = parseNames(value);
      if (mains === undefined) wrong("container names, separated by commas");
    } else if (key === IGNORE_ANNOTATION) {
      const names = parseNames(value);
      if (names === undefined) wrong("container names, separated by commas");
      else ignored = names;
    } else if (key === STRATEGY_ANNOTATION) {
      if (value === "auto" || value === "trap" || value === "native") strategy = value;
      else wrong("auto, trap or native");
    } else if (key === START_TIMEOUT_ANNOTATION) {
      const seconds = parseSeconds(value);
      if (seconds === undefined) wrong("whole seconds, 0 for no limit");
      else startTimeoutSeconds = seconds;
    } else if (key.startsWith(COMMAND_PREFIX)) {
      const command = parseCommand(value);
      if (command === undefined) wrong('a JSON list of strings, as in ["/entrypoint.sh", "--flag"]');
      else commands.set(containerName, command);
    } else if (key.startsWith(GRACE_PERIOD_PREFIX)) {
      const seconds = parseSeconds(value);
      if (seconds === undefined) wrong("whole seconds");
      else gracePeriods.set(containerName, seconds);
    } else if (key.startsWith(SHELL_PREFIX)) {
      if (/^(\/[\w.+-]+)+$/.test(value) && value.length <= 255 && !/\/\.\.?(\/|$)/.test(value))
        shells.set(containerName, value);
      else wrong("the absolute path of a POSIX shell in the image, as in /bin/bash");
    } else if (key !== INJECTED_ANNOTATION) {
      warnings.push(`${quote(key)} is no annotation that Curfew knows, so it has no effect.`);
    }
  }
  if (problems.length > 0) {
    const more = problems.length > 5 ? `; and ${problems.length - 5} more` : "";
    return { kind: "invalid", message: `The annotation ${problems.slice(0, 5).join("; the annotation ")}${more}.` };
  }
  return {
    kind: "settings",
    settings: { mains, ignored, strategy, startTimeoutSeconds, commands, gracePeriods, shells },
    warnings,
  };
}

const NOTHING_SAID = parseSome({});

/** Whether an annotation is in Curfew's domain, known or not. What the dispatcher notes on its Jobs is no setting. */
export function isCurfews(key: string): boolean {
  return (key.startsWith("curfew.sh/") && !key.startsWith(NOTES_PREFIX)) || key.includes(".curfew.sh/");
}

function parseNames(value: string): readonly string[] | undefined {
  const names = value.split(",").map((name) => name.trim());
  return names.every((name) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) ? names : undefined;
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
