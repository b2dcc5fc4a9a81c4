/** What a plan needs to know about a Job, collected once. Both strategies and `explain` read it. */
import { argvOf, shellOf, type Argv, type Shell } from "./argv.ts";
import type { JobSettings } from "./annotations.ts";
import { gracePeriodOf, type Container, type Job, type Places, type PodSpec } from "./job.ts";
import type { EarlierPass } from "./earlier-pass.ts";
import type { ImageLookup } from "./images/image-lookup.ts";
import type { KnownImage } from "./images/known-images.ts";
import type { Strategy } from "./names.ts";
import type { ContainerPlan } from "./plan.ts";
import type { RefuseReason } from "./reasons.ts";
import type { RecordedRoles } from "./record.ts";
import type { AssignedRole, Role, RoleAssignment, RoleSource } from "./role.ts";
import { assignRoles, DEFAULT_CONTAINER_ANNOTATION } from "./roles.ts";
import type { Unwrapped } from "./wrapper/wrapper.ts";

export interface SurveyedContainer {
  readonly container: Container;
  /** Its place in `containers`. */
  readonly index: number;
  readonly role: Role;
  readonly roleSource: RoleSource;
  /** What's known about its image. */
  readonly known: KnownImage | undefined;
  /** Set if an earlier pass wrapped it. */
  readonly original: Unwrapped | undefined;
  readonly argv: Argv | undefined;
  readonly shell: Shell;
}

export interface Survey {
  readonly places: Places;
  readonly job: Job;
  readonly spec: PodSpec;
  readonly settings: JobSettings;
  /** Names of the Job, and of the CronJob that made it. */
  readonly names: readonly string[];
  readonly containers: readonly SurveyedContainer[];
  readonly mains: readonly SurveyedContainer[];
  readonly sidecars: readonly SurveyedContainer[];
}

export interface SurveyInput extends Pick<Survey, "places" | "job" | "names" | "settings"> {
  readonly earlier: EarlierPass;
  readonly lookUp: ImageLookup;
}

/** Some roles can't be found. */
export interface SurveyRefusal {
  readonly reason: RefuseReason;
  readonly message: string;
  readonly containers: readonly ContainerPlan[];
}

/** Finds what each container is and runs. `settings` must have passed `settingsProblems`. */
export function surveyJob({ places, job, names, settings, earlier, lookUp }: SurveyInput): Survey | SurveyRefusal {
  const { metadata, spec } = job.spec.template;
  const { unwrapped, native } = earlier;
  const known = spec.containers.map(({ image }) => lookUp(image ?? ""));
  const defaultContainer = metadata?.annotations?.[DEFAULT_CONTAINER_ANNOTATION];
  const clues = { containers: spec.containers, unwrapped, earlier: native, known, defaultContainer, names };
  const roles = assignRoles(clues, settings);
  if (roles.kind === "refuse") {
    const containers = unassignedContainerPlans(roles.assignments, unwrapped, settings, known);
    return { reason: roles.reason, message: roles.message, containers };
  }
  const containers = roles.assignments.map((assignment, index) =>
    surveyContainer(assignment, index, unwrapped[index], settings, known[index]),
  );
  const mains = containers.filter(({ role }) => role === "main");
  const sidecars = containers.filter(({ role }) => role === "sidecar");
  return { places, job, spec, settings, names, containers, mains, sidecars };
}

function surveyContainer(
  { container, role, source: roleSource }: AssignedRole,
  index: number,
  original: Unwrapped | undefined,
  settings: JobSettings,
  known: KnownImage | undefined,
): SurveyedContainer {
  const what = { container, index, role, roleSource, known, original };
  if (original) {
    const path = container.command?.[0] ?? "/bin/sh";
    return { ...what, argv: wrappedArgv(original), shell: { path, evident: true } };
  }
  const argv = argvOf(container, settings, known);
  return { ...what, argv, shell: shellOf(container, argv?.elements ?? [], settings, known) };
}

function wrappedArgv({ argv, command, args }: Unwrapped): Argv {
  const leading = argv.length - (args?.length ?? 0);
  return { elements: argv, leading, fromManifest: command !== undefined, source: "wrapped" };
}

/** The containers' names, in the same order. */
function containerNames(surveyed: readonly SurveyedContainer[]): readonly string[] {
  return surveyed.map(({ container }) => container.name);
}

/** The names of the containers, by role. */
export function rolesOf({ containers, mains, sidecars }: Survey): RecordedRoles {
  const ignored = containers.filter(({ role, roleSource }) => role === "ignored" && roleSource !== "completed-later");
  return { mains: containerNames(mains), sidecars: containerNames(sidecars), ignored: containerNames(ignored) };
}

/** Seconds that a sidecar has between TERM and KILL. Never more than the Pod has. */
export function sidecarGracePeriod({ spec, settings }: Pick<Survey, "spec" | "settings">, name: string): number {
  const pods = gracePeriodOf(spec);
  return Math.min(settings.gracePeriods.get(name) ?? pods, pods);
}

/** The containers as a plan describes them to people. */
export function containerPlans(survey: Survey, strategy?: Strategy): readonly ContainerPlan[] {
  // For kubelet there's only the Pod's grace period.
  const gracePeriod = (name: string): number =>
    strategy === "native" ? gracePeriodOf(survey.spec) : sidecarGracePeriod(survey, name);
  return survey.containers.map((surveyed) => {
    const plan = containerPlan(surveyed.container, surveyed.role, surveyed.roleSource, surveyed.argv);
    return plan.role === "sidecar" ? { ...plan, gracePeriodSeconds: gracePeriod(plan.name) } : plan;
  });
}

/**
 * The same for a Job in which some containers have no role. `unwrapped` and `known` are as in
 * `RoleClues` (roles.ts).
 */
function unassignedContainerPlans(
  assignments: readonly RoleAssignment[],
  unwrapped: readonly (Unwrapped | undefined)[],
  settings: JobSettings,
  known: readonly (KnownImage | undefined)[],
): readonly ContainerPlan[] {
  return assignments.map(({ container, role, source }, index) => {
    const original = unwrapped[index];
    const argv = original ? wrappedArgv(original) : argvOf(container, settings, known[index]);
    return containerPlan(container, role, source, argv);
  });
}

function containerPlan(
  { name, image }: Container,
  role: ContainerPlan["role"],
  roleSource: RoleSource,
  argv: Argv | undefined,
): ContainerPlan {
  return {
    name,
    image: image ?? "",
    role,
    roleSource,
    argv: argv?.elements ?? [],
    argvSource: argv?.source ?? "unknown",
  };
}
