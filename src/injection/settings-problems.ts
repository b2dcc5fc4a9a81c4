/**
 * Mistakes in annotations: values that can't be read, and settings that contradict the Job or each
 * other. All of them at once.
 */
import type { JobSettings, ParsedAnnotations } from "./annotations.ts";
import { isNativeSidecar, type Job } from "./job.ts";
import {
  COMMAND_PREFIX,
  GRACE_PERIOD_PREFIX,
  IGNORE_ANNOTATION,
  INJECTED_KEY,
  MAIN_ANNOTATION,
  SHELL_PREFIX,
  SIDECARS_ANNOTATION,
} from "./names.ts";
import { nearest } from "./nearest.ts";
import type { RefuseReason } from "./reasons.ts";
import { endedByOthers } from "./roles.ts";
import { listQuoted, quote } from "./quote.ts";
import type { Unwrapped } from "./wrapper/wrapper.ts";

export interface SettingsProblems {
  readonly reason: Extract<RefuseReason, "invalid-annotation" | "unknown-container">;
  readonly message: string;
}

/** Mistakes that the message lists. The rest is only counted. */
const MAX_SHOWN = 6;

/** Somebody may name a mesh's proxy, which isn't there yet when the Job is created. */
const OTHERS_ARE_LATE = "Don't name those that other webhooks add to the Pods: Curfew finds them by itself.";

/**
 * Everything that's wrong with a Job's annotations, as one message. Undefined: nothing is wrong.
 * `unwrapped` holds, for each container, what it was before an earlier pass wrapped it.
 */
export function settingsProblems(
  parsed: ParsedAnnotations,
  job: Job,
  unwrapped: readonly (Unwrapped | undefined)[],
): SettingsProblems | undefined {
  const { hasAny, settings, problems: malformed } = parsed;
  if (!hasAny) return undefined;
  const unknown = unknownContainers(settings, job);
  const invalid = [...malformed, ...namedTwice(settings), ...commandsSetTwice(settings, job, unwrapped)];
  // If a name is mistyped, the containers left over aren't what the author means.
  if (unknown.length === 0 && malformed.length === 0) invalid.push(...unnamedContainers(settings, job));
  const problems = [...invalid, ...unknown];
  if (problems.length === 0) return undefined;
  const shown = problems.slice(0, MAX_SHOWN);
  if (problems.length > MAX_SHOWN) shown.push(`And ${problems.length - MAX_SHOWN} more.`);
  if (unknown.length > 0) {
    const names = job.spec.template.spec.containers.map(({ name }) => name);
    shown.push(`The Job has these containers: ${listQuoted(names)}. ${OTHERS_ARE_LATE}`);
  }
  return { reason: invalid.length > 0 ? "invalid-annotation" : "unknown-container", message: shown.join(" ") };
}

/** Problems with names of containers that the Job doesn't have, or that can't have the role. */
function unknownContainers(settings: JobSettings, job: Job): string[] {
  const { containers, initContainers } = job.spec.template.spec;
  const known = new Set<string>();
  for (const { name } of containers) known.add(name);
  const problems: string[] = [];
  const check = (name: string, describe: (name: string) => string): void => {
    if (known.has(name)) return;
    // Only those that are shown need the search for the nearest.
    const meant = problems.length < MAX_SHOWN ? nearest(name, [...known]) : undefined;
    problems.push(`${describe(name)}${meant === undefined ? "." : `; did you mean ${quote(meant)}?`}`);
  };
  const inits = new Set<string>();
  for (const { name } of initContainers ?? []) inits.add(name);
  const missing = (key: string) => (name: string) => `${key} names ${quote(name)}, which this Job doesn't have`;
  const missingOrInit = (key: string, why: string) => (name: string) =>
    inits.has(name) ? `${key} names the init container ${quote(name)}, ${why}` : missing(key)(name);
  const inKey = (prefix: string) => (name: string) =>
    `${quote(prefix + name)} is for a container that this Job doesn't have`;
  for (const name of settings.mains ?? []) check(name, missingOrInit(MAIN_ANNOTATION, "which can't be main"));
  // What Curfew moved is an init container now, and the annotation still calls it a sidecar.
  const hasMoved = job.metadata?.annotations?.[INJECTED_KEY] === "native";
  for (const init of initContainers ?? []) if (hasMoved || isNativeSidecar(init)) known.add(init.name);
  for (const name of settings.sidecars ?? [])
    check(name, missingOrInit(SIDECARS_ANNOTATION, "which ends before the main containers start"));
  for (const name of inits) known.add(name);
  for (const name of settings.ignored) check(name, missing(IGNORE_ANNOTATION));
  for (const name of settings.commands.keys()) check(name, inKey(COMMAND_PREFIX));
  for (const name of settings.gracePeriods.keys()) check(name, inKey(GRACE_PERIOD_PREFIX));
  for (const name of settings.shells.keys()) check(name, inKey(SHELL_PREFIX));
  return problems;
}

/** A container is one thing: main, a sidecar, or ignored. */
function namedTwice({ mains = [], sidecars = [], ignored }: JobSettings): string[] {
  return [
    ...inBoth(MAIN_ANNOTATION, mains, SIDECARS_ANNOTATION, sidecars),
    ...inBoth(MAIN_ANNOTATION, mains, IGNORE_ANNOTATION, ignored),
    ...inBoth(SIDECARS_ANNOTATION, sidecars, IGNORE_ANNOTATION, ignored),
  ];
}

const NOTHING: readonly string[] = [];

function inBoth(one: string, first: readonly string[], other: string, second: readonly string[]): readonly string[] {
  if (first.length === 0 || second.length === 0) return NOTHING;
  const names = new Set(second);
  const both = first.filter((name) => names.has(name));
  return both.length === 0
    ? NOTHING
    : [`${one} and ${other} both name ${listQuoted(both)}. A container can be in only one of them.`];
}

/** With both `main` and `sidecars` set, each container must be named. */
function unnamedContainers({ mains, sidecars, ignored }: JobSettings, job: Job): string[] {
  if (!mains || !sidecars) return [];
  const named = new Set([...mains, ...sidecars, ...ignored]);
  const left = job.spec.template.spec.containers
    .filter((container) => !named.has(container.name) && !endedByOthers(container))
    .map(({ name }) => name);
  if (left.length === 0) return [];
  return [
    `${MAIN_ANNOTATION} and ${SIDECARS_ANNOTATION} are both set, and neither names ${listQuoted(left)}. ` +
      `Name every container in one of them or in ${IGNORE_ANNOTATION}, or remove one of the two.`,
  ];
}

/** A command in an annotation and another one in the manifest: the author could mean either. */
function commandsSetTwice(
  { commands }: JobSettings,
  job: Job,
  unwrapped: readonly (Unwrapped | undefined)[],
): string[] {
  if (commands.size === 0) return [];
  return job.spec.template.spec.containers.flatMap(({ name, command }, index) =>
    unwrapped[index] || !commands.has(name) || (command ?? []).length === 0
      ? []
      : [
          `The annotation ${quote(COMMAND_PREFIX + name)} is for containers without a command, but ${quote(name)} has one. Remove one of them.`,
        ],
  );
}
