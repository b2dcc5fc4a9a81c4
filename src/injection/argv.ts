/**
 * What a container runs, put together as Kubernetes does: `command` replaces ENTRYPOINT and CMD,
 * `args` alone replaces CMD.
 */
import type { JobSettings } from "./annotations.ts";
import type { Container } from "./job.ts";
import type { KnownImage } from "./images/known-images.ts";

/** Where a container's original argv comes from. */
export type ArgvSource = "manifest" | "annotation" | "known-image" | "wrapped" | "unknown";

export interface Argv {
  readonly elements: readonly string[];
  /** How many leading elements aren't from the manifest's `args`. */
  readonly leading: number;
  /**
   * Whether these are from the manifest's `command`, rather than from the annotation or the image.
   */
  readonly fromManifest: boolean;
  readonly source: ArgvSource;
}

/**
 * What a container runs. Undefined: only a registry could tell, and Curfew never asks one. `known`
 * is what's known about the image.
 */
export function argvOf(container: Container, settings: JobSettings, known: KnownImage | undefined): Argv | undefined {
  const args = container.args ?? [];
  if (container.command && container.command.length > 0) return argv(container.command, args, true, "manifest");
  const annotated = settings.commands.get(container.name);
  if (annotated) return argv(annotated, args, false, "annotation");
  if (!known?.entrypoint) return undefined;
  if (args.length > 0) return argv(known.entrypoint.map(unexpanded), args, false, "known-image");
  if (!known.cmd || known.entrypoint.length + known.cmd.length === 0) return undefined;
  return argv([...known.entrypoint, ...known.cmd].map(unexpanded), [], false, "known-image");
}

/** Escapes `$`, as Kubernetes expands $(NAME) in a manifest's argv, but not in an image's. */
function unexpanded(element: string): string {
  return element.includes("$") ? element.replaceAll("$", "$$$$") : element;
}

function argv(leading: readonly string[], args: readonly string[], fromManifest: boolean, source: ArgvSource): Argv {
  return { elements: [...leading, ...args], leading: leading.length, fromManifest, source };
}

/** Names of the shells that the wrapper is tested with. */
const SHELL_NAMES = new Set(["sh", "bash", "dash", "ash"]);

/**
 * A shell in an image, by its absolute path or name. `evident`: something shows that it's there.
 */
export type Shell = { readonly path: string; readonly evident: boolean } | undefined;

/** Programs whose arguments run in another container, on another machine, or under another root. */
// prettier-ignore
const RUN_ELSEWHERE = new Set([
  "docker", "docker-compose", "podman", "buildah", "nerdctl", "ctr", "crictl", "kubectl", "oc", "lxc", "incus", "machinectl",
  "systemd-nspawn", "limactl", "apptainer", "singularity", "chroot", "nsenter", "ssh", "ansible", "aws", "flyctl", "srun", "mpirun",
]);

/**
 * Whether it's a shell, by its name or absolute path. A relative path proves nothing, as the kernel
 * looks it up in workingDir.
 */
function isShell(element: string): boolean {
  const name = basename(element);
  return SHELL_NAMES.has(name) && (element === name || element.startsWith("/"));
}

/**
 * The shell that a launcher runs, as in `dumb-init -- sh -c SCRIPT`, or after `env` with any
 * options.
 */
function launchedShell(elements: readonly string[]): string | undefined {
  for (let index = 1; index < elements.length; index += 1) {
    const before = elements[index - 1] ?? "";
    const element = elements[index] ?? "";
    const launcher = basename(before);
    if (RUN_ELSEWHERE.has(launcher)) return undefined;
    if (!isShell(element)) continue;
    // After an option it can be the option's value, as in `psql -U ash -c QUERY`.
    const mayBeValue = before.startsWith("-") && before !== "--" && !before.includes("=");
    if (launcher === "env" || (elements[index + 1] === "-c" && !mayBeValue)) return element;
  }
  return undefined;
}

/** The part after the last slash. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * The shell for a container's wrapper. Undefined: the image is known to have none. If nothing shows
 * that there's one, it's /bin/sh, and not evident. `elements` is the container's argv.
 */
export function shellOf(
  container: Container,
  elements: readonly string[],
  settings: JobSettings,
  known: KnownImage | undefined,
): Shell {
  const annotated = settings.shells.get(container.name);
  if (annotated !== undefined) return { path: annotated, evident: true };
  const [program = ""] = elements;
  if (isShell(program)) return { path: program, evident: true };
  if (typeof known?.shell === "string") return { path: known.shell, evident: true };
  const launched = launchedShell(elements);
  if (launched !== undefined) return { path: launched, evident: true };
  return known?.shell === false ? undefined : { path: "/bin/sh", evident: false };
}
