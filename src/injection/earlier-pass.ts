/** What an earlier pass of Curfew left in a Job, by this version or another. */
import { equal } from "./equal.ts";
import type { Container, Job } from "./job.ts";
import type { Strategy } from "./names.ts";
import { earlierNative, type EarlierNative } from "./record.ts";
import { addedTwice, MAIN_IS_GONE, STRIPPED_SIDECARS } from "./refusals.ts";
import { unwrap, type Unwrapped } from "./wrapper/wrapper.ts";

export interface EarlierPass {
  /** Undefined: Curfew hasn't patched this Job yet. */
  readonly strategy: Strategy | undefined;
  /** For each container, what it was before it was wrapped. */
  readonly unwrapped: readonly (Unwrapped | undefined)[];
  /** The record of a pass that made the Job native. */
  readonly native: EarlierNative | undefined;
}

/**
 * Finds what an earlier pass left. `brokenWrapper` is a container whose wrapper lacks its
 * arguments.
 */
export function findEarlierPass(job: Job): EarlierPass | { readonly brokenWrapper: Container } {
  const unwrapped: (Unwrapped | undefined)[] = [];
  let isWrapped = false;
  for (const container of job.spec.template.spec.containers) {
    const original = unwrap(container);
    if (original === "broken") return { brokenWrapper: container };
    if (original) isWrapped = true;
    unwrapped.push(original);
  }
  const native = earlierNative(job);
  return { strategy: isWrapped ? "trap" : native && "native", unwrapped, native };
}

/** A sentence if only part of what was injected is still there, or if part of it is there twice. */
export function halfInjected(job: Job, { unwrapped, native }: EarlierPass): string | undefined {
  if (unwrapped.length > 0 && unwrapped.every((original) => original?.role === "sidecar")) return MAIN_IS_GONE;
  if (!native) return undefined;
  if (native.isStripped) return STRIPPED_SIDECARS;
  const twice = job.spec.template.spec.containers.find((container) => isAddedTwice(container, job));
  return twice && addedTwice(twice);
}

/** An init container has the same name but differs otherwise. */
function isAddedTwice(container: Container, { spec }: Job): boolean {
  const moved = spec.template.spec.initContainers?.find(({ name }) => name === container.name);
  return moved !== undefined && !equal(container, moved, "restartPolicy");
}
