/**
 * Reads what a Job's annotations ask for. They're hostile input: each has one strict form, and
 * messages cut short what they quote.
 */
import { parseCommand, parseNames, parseSeconds, parseShell } from "./annotation-values.ts";
import { nearest } from "./nearest.ts";
import {
  COMMAND_PREFIX,
  ENABLED_KEY,
  GRACE_PERIOD_PREFIX,
  IGNORE_ANNOTATION,
  INJECTED_KEY,
  LATE_CONTAINERS_ANNOTATION,
  LATE_LEFT_ANNOTATION,
  LATE_MOVED_ANNOTATION,
  MAIN_ANNOTATION,
  SHELL_PREFIX,
  SIDECARS_ANNOTATION,
  START_TIMEOUT_ANNOTATION,
  STRATEGY_ANNOTATION,
  type Strategy,
} from "./names.ts";
import { quote } from "./quote.ts";

/** The dispatcher's notes on the Jobs that it makes. */
const NOTES_PREFIX = "curfew.sh/buildkite-";

export const DEFAULT_START_TIMEOUT_SECONDS = 3600;

export interface JobSettings {
  /** Undefined: the Job doesn't say. The same goes for `sidecars` and `strategy`. */
  readonly mains: readonly string[] | undefined;
  readonly sidecars: readonly string[] | undefined;
  readonly ignored: readonly string[];
  readonly strategy: Strategy | "auto" | undefined;
  readonly startTimeoutSeconds: number;
  /** What to do with containers that other webhooks add to the Pods. Undefined: stop them. */
  readonly lateContainers: "ignore" | undefined;
  /** By container name, like the two below. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly gracePeriods: ReadonlyMap<string, number>;
  readonly shells: ReadonlyMap<string, string>;
}

export interface ParsedAnnotations {
  /** False: the Job has none of Curfew's annotations, so the settings are the defaults. */
  readonly hasAny: boolean;
  readonly settings: JobSettings;
  /**
   * Sentences about invalid values. If there are any, the settings are incomplete and must not be
   * used.
   */
  readonly problems: readonly string[];
  /** Sentences about annotations that have no effect. */
  readonly warnings: readonly string[];
}

/**
 * Parses all of Curfew's annotations. Never throws: mistakes are in `problems`, as sentences. Times
 * are in seconds.
 */
export function parseAnnotations(annotations: Readonly<Record<string, string>> | null | undefined): ParsedAnnotations {
  // Most Jobs have only the label.
  return annotations && Object.keys(annotations).some(isCurfewAnnotation) ? parseAll(annotations) : NO_ANNOTATIONS;
}

type ContainerSetting = "commands" | "gracePeriods" | "shells";
type JobSetting = Exclude<keyof JobSettings, ContainerSetting>;
type ValueOf<Setting extends ContainerSetting> =
  JobSettings[Setting] extends ReadonlyMap<string, infer Value> ? Value : never;

type JobDraft = { -readonly [Setting in JobSetting]: JobSettings[Setting] };
type ContainerDraft = { readonly [Setting in ContainerSetting]: Map<string, ValueOf<Setting>> };

/** What an annotation sets, and what its value must be. */
interface Row<Setting, Value> {
  readonly setting: Setting;
  /** Completes "It must be". */
  readonly expected: string;
  /** The valid values, if they can be listed. */
  readonly choices?: readonly string[];
  /** Undefined: the value is invalid. */
  readonly parse: (value: string) => Value | undefined;
}

type JobRow<Setting extends JobSetting = JobSetting> = {
  [Each in Setting]: Row<Each, JobSettings[Each]>;
}[Setting];

type ContainerRow<Setting extends ContainerSetting = ContainerSetting> = {
  [Each in Setting]: Row<Each, ValueOf<Each>>;
}[Setting];

const STRATEGIES = ["auto", "trap", "native"] as const;
const NAMES = "container names, separated by commas";

/** Annotations for the whole Job, by key. */
const JOB_ANNOTATIONS: Readonly<Record<string, JobRow>> = {
  [MAIN_ANNOTATION]: { setting: "mains", expected: NAMES, parse: parseNames },
  [SIDECARS_ANNOTATION]: { setting: "sidecars", expected: NAMES, parse: parseNames },
  [IGNORE_ANNOTATION]: { setting: "ignored", expected: NAMES, parse: parseNames },
  [STRATEGY_ANNOTATION]: {
    setting: "strategy",
    expected: "auto, trap or native",
    choices: STRATEGIES,
    parse: (value) => STRATEGIES.find((strategy) => strategy === value),
  },
  [START_TIMEOUT_ANNOTATION]: {
    setting: "startTimeoutSeconds",
    expected: "a whole number of seconds, or 0 for no limit",
    parse: parseSeconds,
  },
  [LATE_CONTAINERS_ANNOTATION]: {
    setting: "lateContainers",
    expected: "ignore",
    choices: ["ignore"],
    parse: (value) => (value === "ignore" ? value : undefined),
  },
};

/** Annotations for one container, by the part of the key before its name. */
const CONTAINER_ANNOTATIONS: Readonly<Record<string, ContainerRow>> = {
  [COMMAND_PREFIX]: {
    setting: "commands",
    expected: 'a JSON list of strings, as in ["/entrypoint.sh", "--flag"]',
    parse: parseCommand,
  },
  [GRACE_PERIOD_PREFIX]: { setting: "gracePeriods", expected: "a whole number of seconds", parse: parseSeconds },
  [SHELL_PREFIX]: {
    setting: "shells",
    expected: "the absolute path of a POSIX shell in the image, such as /bin/bash",
    parse: parseShell,
  },
};

const NO_ANNOTATIONS = parseAll({});

function parseAll(annotations: Readonly<Record<string, string>>): ParsedAnnotations {
  const job: JobDraft = {
    mains: undefined,
    sidecars: undefined,
    ignored: [],
    strategy: undefined,
    startTimeoutSeconds: DEFAULT_START_TIMEOUT_SECONDS,
    lateContainers: undefined,
  };
  const containers: ContainerDraft = { commands: new Map(), gracePeriods: new Map(), shells: new Map() };
  const problems: string[] = [];
  const warnings: string[] = [];
  let hasAny = false;
  for (const key in annotations) {
    const value = annotations[key];
    if (value === undefined || !isSetting(key)) continue;
    hasAny = true;
    const slash = key.indexOf("/") + 1;
    const ofJob = JOB_ANNOTATIONS[key];
    const ofContainer = CONTAINER_ANNOTATIONS[key.slice(0, slash)];
    if (ofJob) {
      if (!setForJob(job, ofJob, value)) problems.push(invalidValue(key, value, ofJob));
    } else if (ofContainer) {
      if (!setForContainer(containers, ofContainer, key.slice(slash), value))
        problems.push(invalidValue(key, value, ofContainer));
    } else warnings.push(unknownKey(key, warnings.length < MAX_SEARCHES));
  }
  return { hasAny, settings: { ...job, ...containers }, problems, warnings };
}

/** False: the value is invalid. */
function setForJob<Setting extends JobSetting>(draft: JobDraft, row: JobRow<Setting>, value: string): boolean {
  const parsed = row.parse(value);
  if (parsed === undefined) return false;
  draft[row.setting] = parsed;
  return true;
}

/** False: the value is invalid. */
function setForContainer<Setting extends ContainerSetting>(
  draft: ContainerDraft,
  row: ContainerRow<Setting>,
  container: string,
  value: string,
): boolean {
  const parsed = row.parse(value);
  if (parsed === undefined) return false;
  draft[row.setting].set(container, parsed);
  return true;
}

function invalidValue(key: string, value: string, { expected, choices = [] }: JobRow | ContainerRow): string {
  const meant = nearest(value.toLowerCase(), choices);
  const hint = meant === undefined ? "." : `; did you mean ${meant}?`;
  return `The annotation ${quote(key)} is ${quote(value)}. It must be ${expected}${hint}`;
}

/** Only this many warnings are shown, and the search for the nearest key is slow. */
const MAX_SEARCHES = 8;

function unknownKey(key: string, search: boolean): string {
  const meant = search ? nearestKey(key) : undefined;
  const hint = meant === undefined ? "." : `: did you mean ${quote(meant)}?`;
  return `Curfew doesn't know the annotation ${quote(key)}, so it has no effect${hint}`;
}

function nearestKey(key: string): string | undefined {
  const slash = key.indexOf("/") + 1;
  const prefix = nearest(key.slice(0, slash), Object.keys(CONTAINER_ANNOTATIONS));
  return prefix === undefined ? nearest(key, Object.keys(JOB_ANNOTATIONS)) : prefix + key.slice(slash);
}

/** What opts in, and what Curfew notes itself. */
const NO_SETTINGS: ReadonlySet<string> = new Set([
  ENABLED_KEY,
  INJECTED_KEY,
  LATE_MOVED_ANNOTATION,
  LATE_LEFT_ANNOTATION,
]);

/** Whether an annotation says how to plan, or is meant to. */
export function isSetting(key: string): boolean {
  return isCurfewAnnotation(key) && !NO_SETTINGS.has(key);
}

/**
 * Whether an annotation is in Curfew's domain, known or not. The dispatcher's notes aren't
 * settings.
 */
export function isCurfewAnnotation(key: string): boolean {
  return (key.startsWith("curfew.sh/") && !key.startsWith(NOTES_PREFIX)) || key.includes(".curfew.sh/");
}
