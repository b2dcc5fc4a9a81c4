/** Which containers a Job is about (main), which Curfew stops after them (sidecar), and which it does not touch (ignored). */
import { IGNORE_ANNOTATION, MAIN_ANNOTATION, type Settings } from "./annotations.ts";
import type { Container } from "./job.ts";
import type { KnownImage } from "./known-images.ts";
import type { Role, RoleSource } from "./plan.ts";
import type { RefuseReason } from "./reasons.ts";
import { quote } from "./quote.ts";
import type { Unwrapped } from "./wrapper.ts";

export interface Cast {
  readonly container: Container;
  readonly role: Role;
  readonly source: RoleSource;
}

export type Roles =
  | { readonly kind: "roles"; readonly casts: readonly Cast[]; readonly warnings: readonly string[] }
  | { readonly kind: "refuse"; readonly reason: RefuseReason; readonly message: string };

/** kubectl's own annotation for the container that `kubectl logs` and `exec` take, on the Pod template. */
export const DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container";

/** `unwrapped` and `known` hold, for each container, what an earlier pass made of it, and what is known of its image. */
export function assignRoles(
  containers: readonly Container[],
  unwrapped: readonly (Unwrapped | undefined)[],
  settings: Settings,
  defaultContainer: string | undefined,
  known: readonly (KnownImage | undefined)[],
): Roles {
  const ignoredNames = setOf(settings.ignored);
  const mains = setOf(settings.mains);
  for (const name of mains) {
    if (ignoredNames.has(name)) {
      const message = `${MAIN_ANNOTATION} and ${IGNORE_ANNOTATION} both name ${quote(name)}: a container is one or the other.`;
      return { kind: "refuse", reason: "invalid-annotation", message };
    }
  }

  const castAll = (main: (container: Container, index: number) => boolean, source: RoleSource): readonly Cast[] =>
    containers.map((container, index) => {
      if (ignoredNames.has(container.name)) return { container, role: "ignored", source: "annotation" };
      if (main(container, index)) return { container, role: "main", source };
      return { container, role: "sidecar", source: "remaining" };
    });

  if (mains.size > 0) {
    return { kind: "roles", casts: castAll(({ name }) => mains.has(name), "annotation"), warnings: [] };
  }
  // A container that another webhook added since the first pass must not take main's place.
  if (unwrapped.some((original) => original?.role === "main")) {
    return { kind: "roles", casts: castAll((_, index) => unwrapped[index]?.role === "main", "wrapped"), warnings: [] };
  }
  const isDefault = ({ name }: Container): boolean => name === defaultContainer && !ignoredNames.has(name);
  if (containers.some(isDefault)) {
    return { kind: "roles", casts: castAll(isDefault, "default-container"), warnings: [] };
  }
  const candidates = containers.filter(
    ({ name }, index) => !ignoredNames.has(name) && known[index]?.role !== "sidecar",
  );
  const [first] = candidates;
  if (first === undefined) {
    const message =
      ignoredNames.size > 0 && containers.every(({ name }) => ignoredNames.has(name))
        ? `${IGNORE_ANNOTATION} names every container, so none is left that could be the main one.`
        : `Every container${ignoredNames.size > 0 ? " that is not ignored" : ""} has an image that usually runs as a sidecar: name the main ones in ${MAIN_ANNOTATION}.`;
    return { kind: "refuse", reason: "no-main", message };
  }
  const casts = castAll(
    (container) => container === first,
    candidates.length === 1 ? "only-candidate" : "first-candidate",
  );
  return { kind: "roles", casts, warnings: candidates.length === 1 ? [] : [guessed(first, casts)] };
}

const NONE: ReadonlySet<string> = new Set();

function setOf(names: readonly string[] | undefined): ReadonlySet<string> {
  return names === undefined || names.length === 0 ? NONE : new Set(names);
}

function guessed(main: Container, casts: readonly Cast[]): string {
  const sidecars = casts.filter(({ role }) => role === "sidecar").map(({ container }) => quote(container.name));
  const stopped =
    sidecars.length > 3
      ? `${sidecars.slice(0, 3).join(", ")} and others`
      : sidecars.join(", ").replace(/, ([^,]*)$/, " and $1");
  return (
    `${quote(main.name)} is taken for the main container, as the first: when it ends, ${stopped} will be stopped. ` +
    `If that is wrong, name the main ones in ${MAIN_ANNOTATION}.`
  );
}
