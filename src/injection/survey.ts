/** What a plan needs to know of a Job, gathered once: both strategies and `explain` read it. */
import { argvOf, shellOf, type Argv, type Shell } from "./argv.ts";
import type { Settings } from "./annotations.ts";
import { gracePeriodOf, type Container, type Job, type PodSpec } from "./job.ts";
import type { KnownImage } from "./known-images.ts";
import type { ContainerPlan, Strategy } from "./plan.ts";
import type { Cast } from "./roles.ts";
import type { Unwrapped } from "./wrapper.ts";

export interface SurveyedContainer {
  readonly container: Container;
  /** Its place in `containers`. */
  readonly index: number;
  readonly cast: Cast;
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
  readonly settings: Settings;
  readonly containers: readonly SurveyedContainer[];
  readonly mains: readonly SurveyedContainer[];
  readonly sidecars: readonly SurveyedContainer[];
}

export function surveyContainer(
  cast: Cast,
  index: number,
  original: Unwrapped | undefined,
  settings: Settings,
  known: KnownImage | undefined,
): SurveyedContainer {
  const { container } = cast;
  if (original) {
    const { argv, command, args } = original;
    const leading = argv.length - (args?.length ?? 0);
    const elements: Argv = { elements: argv, leading, fromManifest: command !== undefined, source: "wrapped" };
    const path = container.command?.[0] ?? "/bin/sh";
    return { container, index, cast, original, argv: elements, shell: { path, evident: true } };
  }
  const argv = argvOf(container, settings, known);
  return { container, index, cast, original, argv, shell: shellOf(container, argv?.elements ?? [], settings, known) };
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
  return survey.containers.map(({ container, cast, argv }) => {
    const plan: ContainerPlan = {
      name: container.name,
      image: container.image ?? "",
      role: cast.role,
      roleSource: cast.source,
      argv: argv?.elements ?? [],
      argvSource: argv?.source ?? "unknown",
    };
    return cast.role === "sidecar" ? { ...plan, gracePeriodSeconds: gracePeriod(container.name) } : plan;
  });
}
