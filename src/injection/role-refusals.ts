/** What the author of a Job reads whose roles can't be found: which containers are in doubt, and the annotations to paste. */
import { IGNORE_ANNOTATION, MAIN_ANNOTATION, SIDECARS_ANNOTATION } from "./annotations.ts";
import { ENABLED_LABEL } from "./plan.ts";
import { listQuoted, quote } from "./quote.ts";
import { ROLE_SOURCES, type RoleAssignment } from "./role.ts";

type Assignments = readonly RoleAssignment[];

/** Some roles are `unclear`. */
export function rolesAreUnclear(assignments: Assignments): string {
  const unclear = namesOf(assignments, "unclear");
  const known = namesOf(assignments, "sidecar");
  const several = unclear.length > 1;
  const added = assignments.filter(({ role, source }) => role === "main" && source === "wrapped");
  const begin =
    added.length > 0
      ? `Curfew has patched this Job already, and then something added ${listQuoted(unclear)}: nothing shows whether ${several ? "they are sidecars" : "it's a sidecar"}.`
      : `Curfew can't tell which containers are sidecars: nothing shows what ${listQuoted(unclear)} ${several ? "are" : "is"}.`;
  const mains = namesOf(assignments, "unclear", "main");
  // The first of several in doubt is more often the Job's work than not.
  const sidecars = namesOf(assignments, "sidecar").concat(unclear.slice(-1));
  const inOrder = assignments.map(({ container }) => container.name).filter((name) => sidecars.includes(name));
  const sentences = [
    begin,
    `Add an annotation beside the label ${ENABLED_LABEL}.`,
    `If ${several ? "they all end by themselves" : "it ends by itself"}: ${annotation(MAIN_ANNOTATION, mains)}.`,
    `If ${several ? "one doesn't, name it, as in" : "it doesn't:"} ${annotation(SIDECARS_ANNOTATION, inOrder)}.`,
  ];
  if (known.length === 0)
    sentences.push("A Job whose containers all end by themselves doesn't need Curfew: then remove the label.");
  return sentences.join(" ");
}

/** Every container is a sidecar, or ignored. */
export function mainIsMissing(assignments: Assignments): string {
  const sidecars = assignments.filter(({ role }) => role === "sidecar");
  if (sidecars.length === 0)
    return `${IGNORE_ANNOTATION} names every container, so none is left that could be the main one.`;
  const bySource = Map.groupBy(sidecars, ({ source }) => source);
  const reasons = [...bySource].map(([source, group]) => {
    const names = listQuoted(namesOf(group, "sidecar"));
    return `${names} for ${group.length > 1 ? "sidecars" : "a sidecar"}, because ${ROLE_SOURCES[source]}`;
  });
  return (
    `No container is left that could be the main one. Curfew takes ${reasons.join("; ")}. ` +
    `Name the main ones, as in ${annotation(MAIN_ANNOTATION, namesOf(sidecars, "sidecar").slice(0, 1))}.`
  );
}

function namesOf(assignments: Assignments, ...roles: readonly RoleAssignment["role"][]): string[] {
  return assignments.filter(({ role }) => roles.includes(role)).map(({ container }) => container.name);
}

/** Fit to paste into a manifest, unless there are more names than a message should hold. */
function annotation(key: string, names: readonly string[]): string {
  return `${key}: ${quote(names.join(","), 600)}`;
}
