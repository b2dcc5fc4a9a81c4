/** What a container runs, as Kubernetes puts it together: `command` replaces ENTRYPOINT and CMD, `args` alone replaces CMD. */
import type { Settings } from "./annotations.ts";
import type { Container } from "./job.ts";
import type { KnownImage } from "./known-images.ts";
import type { ArgvSource } from "./plan.ts";

export interface Argv {
  readonly elements: readonly string[];
  /** How many leading elements are not from the manifest's `args`. */
  readonly leading: number;
  /** Whether those are from the manifest's `command`, rather than the annotation or the image. */
  readonly fromManifest: boolean;
  readonly source: ArgvSource;
}

/** Undefined: nobody knows without asking a registry, which Curfew never does. */
export function argvOf(container: Container, settings: Settings, known: KnownImage | undefined): Argv | undefined {
  const args = container.args ?? [];
  if (container.command && container.command.length > 0) return argv(container.command, args, true, "manifest");
  const annotated = settings.commands.get(container.name);
  if (annotated) return argv(annotated, args, false, "annotation");
  if (!known?.entrypoint) return undefined;
  if (args.length > 0) return argv(known.entrypoint.map(unexpanded), args, false, "known-image");
  if (!known.cmd || known.entrypoint.length + known.cmd.length === 0) return undefined;
  return argv([...known.entrypoint, ...known.cmd].map(unexpanded), [], false, "known-image");
}

/** Kubernetes expands $(NAME) in what a manifest says, but not in an image's own argv. */
function unexpanded(element: string): string {
  return element.includes("$") ? element.replaceAll("$", "$$$$") : element;
}

function argv(leading: readonly string[], args: readonly string[], fromManifest: boolean, source: ArgvSource): Argv {
  return { elements: [...leading, ...args], leading: leading.length, fromManifest, source };
}

/** Names of shells that run the wrapper as it is tested. */
const SHELL_NAMES = new Set(["sh", "bash", "dash", "ash"]);

export type Shell = { readonly path: string; readonly evident: boolean } | undefined;

/** Programs whose arguments run in another container, on another machine, or under another root. */
const RUN_ELSEWHERE = new Set(
  "docker docker-compose podman buildah nerdctl ctr crictl kubectl oc ssh chroot nsenter apptainer singularity".split(
    " ",
  ),
);

/**
 * The shell that an argv shows to be in the image: the program itself, what `env` runs, or what any other launcher is given to run,
 * as in `dumb-init -- sh -c SCRIPT`.
 */
function shellIn(elements: readonly string[]): string | undefined {
  let before = "";
  for (let index = 0; index < elements.length; index += 1) {
    const element = elements[index] ?? "";
    const name = basename(element);
    if (RUN_ELSEWHERE.has(name)) return undefined;
    const isRun = index === 0 || before === "env" || elements[index + 1] === "-c";
    // A relative path would be looked up in workingDir, which proves nothing here.
    if (isRun && SHELL_NAMES.has(name) && (element === name || element.startsWith("/"))) return element;
    before = name;
  }
  return undefined;
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The shell for a container's wrapper. Undefined: the image is known to have none. */
export function shellOf(
  container: Container,
  elements: readonly string[],
  settings: Settings,
  known: KnownImage | undefined,
): Shell {
  const annotated = settings.shells.get(container.name);
  if (annotated !== undefined) return { path: annotated, evident: true };
  const evident = shellIn(elements);
  if (evident !== undefined) return { path: evident, evident: true };
  if (known?.shell === false) return undefined;
  return { path: known?.shell ?? "/bin/sh", evident: known?.shell !== undefined };
}
