/**
 * The wrapped form of a container, which is a contract between versions (docs/wrappers.md):
 *
 *     command: [SHELL, "-c", SCRIPT, "curfew"]
 *     args:    [VERSION, SPLIT, COUNT, …COUNT settings…, …the original argv…]
 *
 * Every version recognises a wrapped container by a `command` of this form. SPLIT says where the
 * original argv came from. `N`: the first N elements are from `command`, the rest from `args`.
 * `-N`: the first N are from neither (but from the image or the annotation), the rest from `args`.
 * `-`: all are from neither. With COUNT, a version that doesn't know the settings still finds the
 * original argv.
 *
 * Settings of contract version 1, in order. A script skips those that it doesn't know:
 *   main:    "main" DIR NAME                                NAME: its own name
 *   sidecar: "sidecar" DIR MAINS POLICY GRACE HOLD START    MAINS: names, space-separated;
 *            POLICY: Never, or OnFailure if a main can be restarted in place;
 *            GRACE, HOLD, START: whole seconds (docs/wrappers.md)
 *
 * Environment variables whose names a shell drops (`discovery.type`) need no settings: the scripts
 * pass them on themselves, whether they came from `env` or `envFrom`, so no value shows up in an
 * argv.
 */
import type { Argv } from "../argv.ts";
import type { Container } from "../job.ts";

const CONTRACT_VERSION = "1";
/** The name that the shell gives the script, by which a wrapper is recognised. */
export const ARGV0 = "curfew";

export interface Wrapped {
  readonly command: readonly string[];
  readonly args: readonly string[];
}

/** A container as its author wrote it, before it was wrapped. */
export interface Unwrapped {
  readonly role: "main" | "sidecar";
  /**
   * False: it's from another contract version. Its settings mean nothing here, but its argv does.
   */
  readonly current: boolean;
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly argv: readonly string[];
}

/**
 * A container's `command` and `args` in wrapped form. `settings` are those above, `argv` is the
 * original.
 */
export function wrap(shell: string, script: string, settings: readonly string[], argv: Argv): Wrapped {
  const args = [CONTRACT_VERSION, splitOf(argv), String(settings.length), ...settings, ...argv.elements];
  return { command: [shell, "-c", script, ARGV0], args };
}

function splitOf({ elements, fromManifest, leading }: Argv): string {
  if (fromManifest) return String(leading);
  return leading === elements.length ? "-" : `-${leading}`;
}

/**
 * The original of a wrapped container. Undefined: it isn't wrapped. "broken": it has the wrapper's
 * command, but arguments that no version writes.
 */
export function unwrap({ command, args }: Container): Unwrapped | "broken" | undefined {
  if (command?.length !== 4 || command[1] !== "-c" || command[3] !== ARGV0) return undefined;
  const [version, split, count, role] = args ?? [];
  const parsed = /^(-?)(\d*)$/.exec(split ?? "");
  if (!/^\d+$/.test(version ?? "") || !/^[1-9]\d*$/.test(count ?? "") || !parsed || split === "") return "broken";
  if (role !== "main" && role !== "sidecar") return "broken";
  const argv = (args ?? []).slice(3 + Number(count));
  const leading = parsed[2] === "" ? argv.length : Number(parsed[2]);
  if (argv.length === 0 || leading > argv.length) return "broken";
  const rest = argv.slice(leading);
  return {
    role,
    current: version === CONTRACT_VERSION,
    command: parsed[1] === "-" ? undefined : argv.slice(0, leading),
    args: rest.length > 0 ? rest : undefined,
    argv,
  };
}
