/**
 * What a Job's author reads if roles can't be found: which containers are in doubt, and the
 * annotations to paste.
 */
import { IGNORE_ANNOTATION, MAIN_ANNOTATION, SIDECARS_ANNOTATION } from "./names.ts";
import { listQuoted, quote } from "./quote.ts";
import { ROLE_SOURCES, type RoleAssignment } from "./role.ts";

type Assignments = readonly RoleAssignment[];

/** The message if some roles are `unclear`. */
export function rolesAreUnclear(assignments: Assignments): string {
  const unclear = namesOf(assignments, "unclear");
  const known = namesOf(assignments, "sidecar");
  const several = unclear.length > 1;
  const isPatched = assignments.some(({ role, source }) => role === "main" && source === "wrapped");
  const doubt = `whether ${listQuoted(unclear)} ${several ? "are sidecars" : "is a sidecar"}.`;
  const [main, sidecars] = annotationsToPaste(assignments.map(({ container: { name }, role }) => ({ name, role })));
  const ending = several
    ? `If they ${unclear.length === 2 ? "both" : "all"} end by themselves`
    : "If it ends by itself";
  return [
    isPatched
      ? `Curfew patched this Job, and then something else added containers. Curfew can't tell ${doubt}`
      : `Curfew can't tell ${doubt}`,
    "Add one of these annotations to the Job's metadata.",
    `${ending}: ${main}.`,
    `If ${several ? "one" : "it"} runs until it's stopped${several ? ", name it, as in" : ":"} ${sidecars}.`,
    ...(known.length === 0 ? ["A Job whose containers all end by themselves needn't opt in."] : []),
  ].join(" ");
}

interface Named {
  readonly name: string;
  readonly role: RoleAssignment["role"];
}

/**
 * Two annotations for containers of which some are `unclear`, ready to paste. The first one is right
 * if those in doubt end by themselves; the second one is an example for one that doesn't.
 */
export function annotationsToPaste(containers: readonly Named[]): readonly [string, string] {
  const named = (...roles: readonly Named["role"][]): string[] =>
    containers.filter(({ role }) => roles.includes(role)).map(({ name }) => name);
  // The last of several in doubt is more often the sidecar than the first.
  const sidecars = new Set([...named("sidecar"), ...named("unclear").slice(-1)]);
  return [
    annotation(MAIN_ANNOTATION, named("unclear", "main")),
    annotation(
      SIDECARS_ANNOTATION,
      named("sidecar", "unclear").filter((name) => sidecars.has(name)),
    ),
  ];
}

/** The message if every container is a sidecar or ignored. */
export function mainIsMissing(assignments: Assignments): string {
  const sidecars = assignments.filter(({ role }) => role === "sidecar");
  const ignored = namesOf(assignments, "ignored");
  if (sidecars.length === 0) return `${IGNORE_ANNOTATION} names every container, so there's no main container left.`;
  const bySource = Map.groupBy(sidecars, ({ source }) => source);
  const reasons = [...bySource].map(([source, group]) => {
    const names = listQuoted(namesOf(group, "sidecar"));
    return `${names} ${group.length > 1 ? "count as sidecars" : "counts as a sidecar"} (${source}: ${ROLE_SOURCES[source]})`;
  });
  const wayOut = bySource.has("sidecars-annotation")
    ? `Take the main ones out of ${SIDECARS_ANNOTATION}.`
    : ignored.length > 0
      ? `Take the main one out of ${IGNORE_ANNOTATION} (${listQuoted(ignored)}).`
      : `Name the main ones, as in ${annotation(MAIN_ANNOTATION, namesOf(sidecars, "sidecar").slice(0, 1))}.`;
  return `There's no main container left: ${reasons.join("; ")}. ${wayOut}`;
}

function namesOf(assignments: Assignments, ...roles: readonly RoleAssignment["role"][]): string[] {
  return assignments.filter(({ role }) => roles.includes(role)).map(({ container }) => container.name);
}

/** Ready to paste into a manifest, unless there are more names than a message should hold. */
function annotation(key: string, names: readonly string[]): string {
  return `${key}: ${quote(names.join(","), 600)}`;
}
