/** What a plan needs to know of a Job, gathered once: both strategies and `explain` read it. */
import { argvOf, shellOf, type Argv, type Shell } from "./argv.ts";
import type { JobSettings } from "./annotations.ts";
import { gracePeriodOf, type Container, type Job, type PodSpec } from "./job.ts";
import type { KnownImage } from "./images/known-images.ts";
import type { Strategy } from "./names.ts";
import type { ContainerPlan } from "./plan.ts";
import type { AssignedRole, Role, RoleAssignment, RoleSource } from "./role.ts";
import type { Unwrapped } from "./wrapper/wrapper.ts";

export interface SurveyedContainer {
  readonly container: Container;
  /** Its place in `containers`. */
  readonly index: number;
  readonly role: Role;
  readonly roleSource: RoleSource;
  /** What is known of its image. */
  readonly known: KnownImage | undefined;
  /** Set where an earlier pass wrapped it. */
  readonly original: Unwrapped | undefined;
  readonly argv: Argv | undefined;
  readonly shell: Shell;
}

export interface Survey {
  /** JSON Pointer of the Job in the object that is patched: empty, or a CronJob's `/spec/jobTemplate`. */
  readonly base: string;
  readonly job: Job;
  readonly spec: PodSpec;
  readonly settings: JobSettings;
  /** Names of the Job, and of the CronJob that made it. */
  readonly names: readonly string[];
  readonly containers: readonly SurveyedContainer[];
  readonly mains: readonly SurveyedContainer[];
  readonly sidecars: readonly SurveyedContainer[];
}

export function surveyContainer(
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

/** Seconds that a sidecar has between TERM and KILL: never more than the Pod has. */
export function sidecarGracePeriod({ spec, settings }: Pick<Survey, "spec" | "settings">, name: string): number {
  const pods = gracePeriodOf(spec);
  return Math.min(settings.gracePeriods.get(name) ?? pods, pods);
}

/** The containers as a plan tells people of them. */
export function containerPlans(survey: Survey, strategy?: Strategy): readonly ContainerPlan[] {
  // kubelet knows no grace period but the Pod's.
  const gracePeriod = (name: string): number =>
    strategy === "native" ? gracePeriodOf(survey.spec) : sidecarGracePeriod(survey, name);
  return survey.containers.map((surveyed) => {
    const plan = containerPlan(surveyed.container, surveyed.role, surveyed.roleSource, surveyed.argv);
    return plan.role === "sidecar" ? { ...plan, gracePeriodSeconds: gracePeriod(plan.name) } : plan;
  });
}

/** The same where not all of them have a role. `unwrapped` and `known` are as in `RoleClues` (roles.ts). */
export function unassignedContainerPlans(
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
